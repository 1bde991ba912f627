package client

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// brokenAfter gives its bytes and then what net/http says of a body that broke off.
type brokenAfter struct{ io.Reader }

func (b brokenAfter) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// TestAnAnswerThatBreaksOffIsNotWhole cuts a stream of frames of zstd everywhere.
func TestAnAnswerThatBreaksOffIsNotWhole(t *testing.T) {
	t.Parallel()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	stream := append(e.EncodeAll([]byte("one\n"), nil), e.EncodeAll([]byte("two\n"), nil)...)
	for n := range len(stream) + 1 {
		for _, whole := range []bool{false, true} {
			var body io.Reader = bytes.NewReader(stream[:n])
			if !whole {
				body = brokenAfter{body}
			}
			d, err := zstd.NewReader(cutReader{body})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			_, err = d.WriteTo(&out)
			d.Close()
			if !whole && err == nil || whole && n == len(stream) && (err != nil || out.String() != "one\ntwo\n") {
				t.Errorf("%d of %d bytes, whole %v: %q, error %v", n, len(stream), whole, out.String(), err)
			}
		}
	}
}
