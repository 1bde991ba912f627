package receive

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/llama-logs/llama"
)

// A body is the unpacked body of a request. Reading it fails when its peer is
// silent for too long, when it is longer than allowed, and when Run ends.
type body struct {
	in    io.Reader
	left  int64
	limit int64
	done  []func()
}

// openBody unpacks as Content-Encoding says.
func openBody(run context.Context, w http.ResponseWriter, r *http.Request, limit int64) (*body, error) {
	raw := &patientReader{run: run, in: r.Body, control: http.NewResponseController(w)}
	stop := context.AfterFunc(run, func() { raw.control.SetReadDeadline(time.Unix(1, 0)) })
	b := &body{left: limit, limit: limit, done: []func(){func() { stop() }}}
	encoding := r.Header.Get("Content-Encoding")
	err := b.unpack(encoding, bufio.NewReaderSize(raw, 32<<10))
	if err != nil {
		b.close()
		return nil, asBodyError(err)
	}
	return b, nil
}

// maxWindow bounds what a stream may make zstd allocate.
const maxWindow = 32 << 20

func (b *body) unpack(encoding string, in *bufio.Reader) error {
	switch encoding {
	case "", "identity":
		b.in = in
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(in)
		b.in = z
		return err
	case "deflate":
		return b.inflate(in)
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		b.in, b.done = z, append(b.done, z.Close)
	default:
		return llama.Errorf(llama.Invalid, "content encoding %q is not known; gzip, zstd, deflate or none", encoding)
	}
	return nil
}

// inflate reads deflate as it is defined, within zlib, and as some send it, bare.
func (b *body) inflate(in *bufio.Reader) error {
	head, err := in.Peek(2)
	if err != nil {
		return err
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8+int(head[1]))%31 == 0 {
		b.in, err = zlib.NewReader(in)
		return err
	}
	b.in = flate.NewReader(in)
	return nil
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		// Only a body that has more is too long.
		if n, err := io.ReadFull(b.in, make([]byte, 1)); n == 0 {
			return 0, asBodyError(err)
		}
		return 0, llama.Errorf(llama.TooLarge, "the body is longer than %d bytes once unpacked; send it in parts", b.limit)
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, asBodyError(err)
}

// asBodyError says what the sender did wrong, if it did.
func asBodyError(err error) error {
	switch {
	case err == nil || err == io.EOF || llama.CodeOf(err) != "":
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return llama.Errorf(llama.Unavailable, "the body did not come in time")
	}
	return llama.Errorf(llama.Invalid, "the body cannot be read: %w", err)
}

func (b *body) close() {
	for _, f := range b.done {
		f()
	}
}

// A patientReader gives a peer readLimit for each piece of its body.
type patientReader struct {
	run     context.Context
	in      io.Reader
	control *http.ResponseController
}

func (r *patientReader) Read(p []byte) (int, error) {
	r.control.SetReadDeadline(time.Now().Add(readLimit)) // best effort: HTTP/1 and 2 both can
	if r.run.Err() != nil {
		return 0, llama.Errorf(llama.Unavailable, "the receiver is closing")
	}
	return r.in.Read(p)
}
