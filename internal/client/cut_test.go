package client

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
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

// packedRows are lines as central sends them, with a mark that says rows and target.
func packedRows(t *testing.T, rows uint64, target string, packed []byte) []byte {
	t.Helper()
	content := append(binary.AppendUvarint(binary.AppendUvarint(nil, rows), uint64(len(packed))), target...)
	b := binary.LittleEndian.AppendUint32(bytes.Clone(markMagic), uint32(len(content)))
	return append(append(b, content...), packed...)
}

func pack(t *testing.T, text string) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll([]byte(text), nil)
}

// readMarked reads a body to its end.
func readMarked(t *testing.T, body io.Reader) (string, error) {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m := marked{in: bufio.NewReader(body), unpack: d}
	var all strings.Builder
	for {
		lines, err := m.next()
		if errors.Is(err, io.EOF) {
			return all.String(), nil
		} else if err != nil {
			return all.String(), err
		}
		all.Write(lines)
	}
}

// TestAnAnswerThatBreaksOffIsNotWhole cuts a stream of rows everywhere.
func TestAnAnswerThatBreaksOffIsNotWhole(t *testing.T) {
	t.Parallel()
	one, two := packedRows(t, 1, "a", pack(t, "{\"n\":1}\n")), packedRows(t, 2, "", pack(t, "{\"n\":2}\n{}\n"))
	stream := append(bytes.Clone(one), two...)
	for n := range len(stream) + 1 {
		for _, whole := range []bool{false, true} {
			var body io.Reader = bytes.NewReader(stream[:n])
			if !whole {
				body = brokenAfter{body}
			}
			got, err := readMarked(t, body)
			ends := whole && (n == 0 || n == len(one) || n == len(stream))
			if ends != (err == nil) || n == len(stream) && whole && got != "{\"n\":1}\n{\"n\":2}\n{}\n" {
				t.Errorf("%d of %d bytes, whole %v: %q, error %v", n, len(stream), whole, got, err)
			}
		}
	}
}

// TestRowsOfANodeAreLookedAt: what a node packed is as many lines as central was told, each a
// flat object, or it is said whose is not.
func TestRowsOfANodeAreLookedAt(t *testing.T) {
	t.Parallel()
	good := packedRows(t, 2, "b", pack(t, "{\"n\":1}\n{\"n\":2}\n"))
	tests := []struct {
		name, target, text, want string
		rows                     uint64
	}{
		{"no JSON", "a", "{\"n\":1}\n{\"n\":\n", "rows 3 to 4 of the answer are damaged, which a node of a has sent: row 4: ", 2},
		{"an array", "a", "[]\n", "rows 3 to 3 of the answer are damaged, which a node of a has sent: row 3: ", 1},
		{"nested", "a", "{\"n\":{\"m\":1}}\n", "row 3: ", 1},
		{"two in a line", "a", "{}{}\n", "row 3: ", 1},
		{"more lines", "a", "{}\n{}\n", "a node of a has sent: there are 2 lines, and there should be 1", 1},
		{"fewer lines", "a", "{}\n", "a node of a has sent: there are 1 lines, and there should be 2", 2},
		{"no end", "a", "{}\n{}", "the last line does not end", 1},
		{"nobody's", "", "{]\n", "rows 3 to 3 of the answer are damaged: row 3: ", 1},
	}
	for _, tt := range tests {
		got, err := readMarked(t, bytes.NewReader(append(bytes.Clone(good), packedRows(t, tt.rows, tt.target, pack(t, tt.text))...)))
		if err == nil || !strings.Contains(err.Error(), tt.want) || llama.CodeOf(err) != llama.Unavailable {
			t.Errorf("%s: got error %v, want %q", tt.name, err, tt.want)
		}
		if got != "{\"n\":1}\n{\"n\":2}\n" {
			t.Errorf("%s: what came before is %q", tt.name, got)
		}
	}
	if _, err := readMarked(t, bytes.NewReader(packedRows(t, 1, "a", []byte("no zstd")))); err == nil || !strings.Contains(err.Error(), "a node of a has sent") {
		t.Errorf("no zstd: %v", err)
	}
	for _, bad := range []string{"12345678", "\x5c\x2a\x4d\x18\xff\xff\xff\xff", "\x5c\x2a\x4d\x18\x01\x00\x00\x00\x80", "\x5c\x2a\x4d\x18\x06\x00\x00\x00\x01\xff\xff\xff\xff\x7f"} {
		if _, err := readMarked(t, strings.NewReader(bad)); !errors.Is(err, errMark) {
			t.Errorf("%q: got %v, want %v", bad, err, errMark)
		}
	}
}

// BenchmarkMarkedRows reads rows as they come of a node with events of 400 bytes.
func BenchmarkMarkedRows(b *testing.B) {
	line := `{"_msg":"Failed password for invalid user admin from 203.0.113.7 port 51234 ssh2","_time":"2026-11-22T03:40:00.123456789Z","host.name":"web-003.fra.example.net","process.name":"sshd","process.pid":4711,"source.ip":"203.0.113.7","source.port":51234,"user.name":"admin","event.outcome":"failure","_collection":"sshd","_id":"n1-12345678","event.ingested":"2026-11-22T03:40:00.2Z"}` + "\n"
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(strings.Repeat(line, 4096))
	packed := e.EncodeAll(text, nil)
	content := binary.AppendUvarint(binary.AppendUvarint(nil, 4096), uint64(len(packed)))
	stream := append(append(binary.LittleEndian.AppendUint32(bytes.Clone(markMagic), uint32(len(content))), content...), packed...)
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m := marked{in: bufio.NewReader(bytes.NewReader(stream)), unpack: d}
		if _, err := m.next(); err != nil {
			b.Fatal(err)
		}
	}
}
