package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/llama-logs/llama/internal/door"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type importOptions struct {
	dataDir, url, ca, tokenFile string
	collection, parser, format  string
	quiet                       bool
}

func newImport() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import --collection NAME FILE...",
		Short: "Send files of logs to the node on this machine",
		Long: `Sends the lines of files, or of standard input for "-", to a node's ingest door
and returns when they are safe on its disk. Files may be compressed with gzip or
zstd. A line is an event; lines that are JSON objects give their fields.

A file is known by its content: importing it again adds nothing, compressed or
not, and an import that was cut off goes on where it stopped. A file that has
grown since is another file, and what comes through a pipe is new each time.`,
		Example: `  llama import --collection sshd /var/log/auth.log.*
  llama import --collection shop --parser json orders.ndjson.zst
  journalctl -o json | llama import --collection journal -`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if o.collection == "" {
				return usagef("--collection is missing: name the collection that the events go to")
			}
			if !receive.ValidCollection(o.collection) {
				return usagef("--collection: %q is not a name; 1 to 64 of a-z 0-9 _ . -, e.g. sshd", o.collection)
			}
			if len(files) == 0 {
				return usagef("no file is named; \"-\" is standard input")
			}
			if o.tokenFile == "-" && slices.Contains(files, "-") {
				return usagef("standard input is the events; --token-file cannot be read from it, too")
			}
			if o.format != "" && o.format != string(door.Lines) && o.format != string(door.JSONL) {
				return usagef("unknown format %q; lines or jsonl", o.format)
			}
			return runImport(cmd, files, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.collection, "collection", "", "`NAME` of the collection that the events go to")
	flags.StringVar(&o.parser, "parser", "", "`NAME` of the parser of the lines (default: the node finds one)")
	flags.StringVar(&o.format, "format", "", "`FORM` of the lines: lines or jsonl (default: by the first line)")
	flags.StringVar(&o.dataDir, "data", defaultData(), "`DIR` of the node's data, for its address and token")
	flags.StringVar(&o.url, "url", "", "`URL` of the ingest door (default: the node's own)")
	flags.StringVar(&o.ca, "ca", "", "`FILE` with the authority of the door's certificate (default: DATA/ca.pem)")
	flags.StringVar(&o.tokenFile, "token-file", "", "`FILE` with the ingest token, - asks for it (default: DATA/ingest-token)")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "no progress bar and no summary")
	return cmd
}

// openDoor finds the node's door from its data directory and the flags.
func openDoor(o importOptions) (*door.Client, error) {
	if o.url == "" {
		at, err := readListening(o.dataDir)
		if err != nil {
			return nil, err
		}
		o.url = "http://" + at.Ingest
		if at.IngestTLS {
			o.url = "https://" + at.Ingest
		}
	}
	token, err := newAsker().secret(orDefault(o.tokenFile, ingestTokenFile(o.dataDir)), "Ingest token")
	if err != nil {
		return nil, err
	}
	trusted, err := trusting(o)
	if err != nil {
		return nil, err
	}
	return &door.Client{URL: o.url, Token: token, HTTP: trusted}, nil
}

// trusting returns a client that trusts the authorities of the system and the one
// that is named or, if there is one, that of the process on this machine.
func trusting(o importOptions) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	file := orDefault(o.ca, caFile(o.dataDir))
	own, err := os.ReadFile(file)
	if o.ca == "" && errors.Is(err, fs.ErrNotExist) {
		return &http.Client{Transport: transport}, nil
	} else if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's authorities: %w", err)
	}
	if !roots.AppendCertsFromPEM(own) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport}, nil
}

func runImport(cmd *cobra.Command, files []string, o importOptions) error {
	client, err := openDoor(o)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := importFile(cmd.Context(), client, file, o); err != nil {
			return fmt.Errorf("import %s: %w", file, err)
		}
	}
	return nil
}

func importFile(ctx context.Context, client *door.Client, file string, o importOptions) error {
	in, err := openInput(ctx, file)
	if err != nil {
		return err
	}
	defer in.Close() // it was only read
	bar := newBar(file, in.size, o.quiet)
	lines, err := decompress(io.TeeReader(in, bar))
	if err != nil {
		return err
	}
	s := door.Stream{Form: door.Form(o.format), Collection: o.collection, Parser: o.parser,
		Source: "import " + o.collection, Epoch: in.epoch}
	if o.format == "" {
		s.Form = guessForm(lines, o.parser)
	}
	began := time.Now()
	tally, err := client.Copy(ctx, s, lines, sayingWhy(func(err error) {
		bar.Clear() // best effort, as all of the bar
		words(os.Stderr, "%s: waiting for the node: %v", file, err)
	}))
	bar.Exit()
	bar.Clear()
	report(file, tally, time.Since(began), o.quiet)
	switch {
	case ctx.Err() != nil && err != nil && in.size >= 0:
		words(os.Stderr, "%s: what was sent is kept; the same import goes on from there", file)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the file is cut off; what can be read of it is kept: %w", err)
	case err == nil && tally.Rejected > 0:
		err = fmt.Errorf("%s refused; what else there is is kept", many(tally.Rejected, "line is", "lines are"))
	}
	return err
}

// An input is what is imported, and the name of its content.
type input struct {
	io.Reader
	io.Closer
	epoch string
	size  int64 // as stored; -1 when it is not known
}

// openInput opens a file, or standard input. What can be read twice is named by
// the hash of its content once unpacked, so that a file that was compressed in
// the meantime is the same; a pipe gets a name of its own each time.
func openInput(ctx context.Context, file string) (input, error) {
	f := os.Stdin
	if file != "-" {
		var err error
		if f, err = os.Open(file); err != nil {
			return input{}, err
		}
	}
	about, err := f.Stat()
	if err != nil {
		f.Close()
		return input{}, err
	}
	if !about.Mode().IsRegular() {
		return input{Reader: interruptible(ctx, f), Closer: f, epoch: "stdin " + rand.Text(), size: -1}, nil
	}
	hash, err := hashContent(f)
	if err != nil {
		f.Close()
		return input{}, err
	}
	return input{Reader: f, Closer: f, epoch: "sha256 " + hash, size: about.Size()}, nil
}

// hashContent reads f from where it stands, and goes back there.
func hashContent(f *os.File) (string, error) {
	start, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", err
	}
	content, err := decompress(f)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	// What is damaged or cut off has the name of what can be read of it: that
	// much is imported, and then the damage is said.
	if _, err := io.Copy(hash, content); errors.As(err, new(*fs.PathError)) {
		return "", err
	}
	_, err = f.Seek(start, io.SeekStart)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// decompress undoes gzip and zstd, which it knows by their first bytes.
func decompress(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	head, _ := in.Peek(4) // a shorter file is not compressed
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return bufio.NewReaderSize(z, 256<<10), nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return bufio.NewReaderSize(z.IOReadCloser(), 256<<10), nil
	}
	return in, nil
}

// guessForm takes lines that begin with a brace for JSON, unless a parser is
// named that wants them as they are.
func guessForm(in *bufio.Reader, parser string) door.Form {
	head, _ := in.Peek(1024) // fewer are enough
	if parser == "" && bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{")) {
		return door.JSONL
	}
	return door.Lines
}

// newBar returns what shows a person how far a file is, how fast it goes and how
// long it still takes. Nothing is shown where nobody looks.
func newBar(file string, size int64, quiet bool) *progressbar.ProgressBar {
	var out io.Writer = os.Stderr
	if quiet || !term.IsTerminal(int(os.Stderr.Fd())) {
		out = io.Discard
	}
	return progressbar.NewOptions64(size,
		progressbar.OptionSetDescription(file),
		progressbar.OptionSetWriter(out),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
		// The spinner of a pipe turns as it is read: a goroutine that turned it would
		// outlive the bar, and write while the bar is cleared.
		progressbar.OptionSetSpinnerChangeInterval(0),
	)
}

func report(file string, t door.Tally, took time.Duration, quiet bool) {
	for _, e := range t.Errors {
		words(os.Stderr, "%s:%d: %s", file, e.Line, e.Detail)
	}
	if quiet {
		return
	}
	text := fmt.Sprintf("%s: %s added", file, many(t.Accepted, "event", "events"))
	if t.Known > 0 {
		text += fmt.Sprintf(", %s there already", many(int(t.Known), "line was", "lines were"))
	}
	if t.Accepted > 0 && took > 0 {
		text += fmt.Sprintf(" (%.0f a second)", float64(t.Accepted)/took.Seconds())
	}
	words(os.Stderr, "%s", text)
}

// many counts things.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// sayingWhy returns options that say why an import waits, the same reason once in each
// outage: what is tried again every few seconds fails in the same way each time.
func sayingWhy(say func(error)) door.CopyOptions {
	said := ""
	return door.CopyOptions{
		Waiting: func(err error) {
			if err.Error() != said {
				said = err.Error()
				say(err)
			}
		},
		Progress: func(door.Tally) { said = "" }, // the node is there again
	}
}
