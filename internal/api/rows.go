package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/llama-logs/llama"
)

// Bounds of one page of rows.
const (
	defaultPageRows = 1000
	maxPageRows     = 10_000
	maxPageBytes    = 16 << 20 // a page ends early here, after one row at least
)

type rowsRequest struct {
	ID          string `path:"uuid" format:"uuid" doc:"The query's id."`
	Format      string `query:"format" enum:"json,ndjson,csv" default:"json" doc:"json is one page; ndjson and csv stream all rows as a file."`
	Offset      int64  `query:"offset" minimum:"0" default:"0" doc:"How many rows to leave out at the beginning."`
	Limit       int64  `query:"limit" minimum:"0" default:"0" doc:"The most rows wanted. For json at most 10000, and 1000 when absent or 0; a page of large rows may be shorter. For ndjson and csv 0 is all."`
	Marked      bool   `query:"marked" default:"false" doc:"For ndjson to who takes zstd: a skippable frame (0x184D2A5C) before each stream of rows says how many rows and how many bytes that has, both as uvarints, and which target's node packed it, where nobody has looked at them since: then that is for the reader to do."`
	Spreadsheet bool   `query:"spreadsheet" default:"false" doc:"For csv: put an apostrophe before text that a spreadsheet would take for a formula (=, +, -, @). Without it values are as they are."`
}

// rows answers GET /query/{uuid}/rows.
func (s *Server) rows(ctx context.Context, in *rowsRequest) (*huma.StreamResponse, error) {
	q, err := s.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	noteTargets(ctx, q.Targets)
	switch in.Format {
	case "ndjson":
		return s.stream(ctx, "application/x-ndjson", "llama-"+q.ID+".ndjson", func(ctx context.Context, w *export) (int64, error) {
			return s.writeNDJSON(ctx, w, in)
		}), nil
	case "csv":
		return s.stream(ctx, "text/csv; charset=utf-8; header=present", "llama-"+q.ID+".csv", func(ctx context.Context, w *export) (int64, error) {
			return s.writeCSV(ctx, w, q, in)
		}), nil
	}
	return s.rowPage(ctx, q, in)
}

// errPageFull ends the reading of rows.
var errPageFull = errors.New("page is full")

// rowPage reads the whole page before it answers, so that an error is a problem.
func (s *Server) rowPage(ctx context.Context, q Query, in *rowsRequest) (*huma.StreamResponse, error) {
	limit := in.Limit
	switch {
	case limit == 0:
		limit = defaultPageRows
	case limit > maxPageRows:
		return nil, llama.Errorf(llama.TooLarge, "limit is %d; a page has at most %d rows, and format=ndjson has them all", limit, maxPageRows)
	}
	page := []byte(`{"rows":[`)
	rows := 0
	err := s.Results.Lines(ctx, q.ID, in.Offset, limit, func(l Lines) error {
		text, err := l.Text()
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			if rows > 0 {
				page = append(page, ',')
			}
			rows++
			if line[0] != '{' || !json.Valid(line) { // results of before were kept without a look at their lines
				return fmt.Errorf("row %d of query %s is no JSON object", in.Offset+int64(rows), q.ID)
			}
			page = append(page, bytes.TrimSuffix(line, []byte{'\n'})...)
			if len(page) > maxPageBytes {
				return errPageFull
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, err
	}
	note(ctx, "llama.rows", strconv.Itoa(rows))
	page = append(page, `],"total":`...)
	page = strconv.AppendInt(page, q.Rows, 10)
	page = fmt.Appendf(page, `,"complete":%t}`, Ended(q.State))
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/json")
		hc.BodyWriter().Write(page) // best effort: the peer may be gone
	}}, nil
}

// exportWriter sends the headers before the first bytes and gives the peer time
// for each write, not for all.
type exportWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	header  func(http.Header)
	begun   bool
	zstd    bool // what is written is
}

// An export is a file that is being written.
type export struct {
	*bufio.Writer
	out     *exportWriter
	accepts string // the encodings that the peer decodes
}

// pack reports whether the peer takes zstd and nothing else, and says then that all that is
// written is. Others may take one frame for all there is, against RFC 8878.
func (e *export) pack() bool {
	e.out.zstd = strings.TrimSpace(e.accepts) == "zstd"
	return e.out.zstd
}

func (e *exportWriter) Write(b []byte) (int, error) {
	if !e.begun {
		e.begun = true
		e.header(e.w.Header())
		if e.zstd {
			e.w.Header().Set("Content-Encoding", "zstd")
		}
	}
	e.control.SetWriteDeadline(time.Now().Add(writePatience))
	return e.w.Write(b)
}

// writeNDJSON writes rows as they are kept: packed, for a peer that takes zstd alone,
// and so frames one after the other as one stream.
func (s *Server) writeNDJSON(ctx context.Context, w *export, in *rowsRequest) (rows int64, err error) {
	packed := w.pack()
	err = s.Results.Lines(ctx, in.ID, in.Offset, in.Limit, func(l Lines) error {
		rows += int64(l.Count())
		if packed {
			frame := l.Packed()
			if in.Marked {
				if _, err := w.Write(mark(l, len(frame))); err != nil {
					return err
				}
			}
			_, err := w.Write(frame)
			return err
		}
		text, err := l.Text()
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	})
	return rows, err
}

// mark is what a reader should know of lines that follow, packed, in so many bytes: a
// skippable frame of zstd, which all else passes over.
func mark(l Lines, size int) []byte {
	b := []byte{0x5C, 0x2A, 0x4D, 0x18, 0, 0, 0, 0}
	b = binary.AppendUvarint(b, uint64(l.Count()))
	b = binary.AppendUvarint(b, uint64(size))
	b = append(b, l.Target()...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// writeCSV writes RFC 4180 with a header line.
func (s *Server) writeCSV(ctx context.Context, w io.Writer, q Query, in *rowsRequest) (rows int64, err error) {
	columns, err := s.columns(ctx, q, in)
	if err != nil {
		return 0, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return 0, err
	}
	place := map[string]int{}
	for i, name := range columns {
		place[name] = i
	}
	cells := make([]string, len(columns))
	err = s.Results.Rows(ctx, in.ID, in.Offset, in.Limit, func(row []llama.Field) error {
		rows++
		clear(cells)
		for _, f := range row {
			if i, ok := place[f.Name]; ok {
				cells[i] = cell(f, in.Spreadsheet)
			}
		}
		return out.Write(cells)
	})
	if err != nil {
		return rows, err // unflushed, so that it may still be a problem
	}
	out.Flush()
	return rows, out.Error()
}

// columns returns the header of a CSV file. A query that has not ended may not
// know its columns yet; then its rows are read once for their names.
func (s *Server) columns(ctx context.Context, q Query, in *rowsRequest) ([]string, error) {
	if len(q.Columns) > 0 && Ended(q.State) {
		return q.Columns, nil
	}
	columns := slices.Clone(q.Columns)
	known := map[string]bool{}
	for _, name := range columns {
		known[name] = true
	}
	err := s.Results.Rows(ctx, in.ID, in.Offset, in.Limit, func(row []llama.Field) error {
		for _, f := range row {
			if !known[f.Name] {
				known[f.Name] = true
				columns = append(columns, strings.Clone(f.Name))
			}
		}
		return nil
	})
	return columns, err
}

// cell is a field's text. Spreadsheets run what begins like a formula, and logs
// hold what strangers wrote.
func cell(f llama.Field, spreadsheet bool) string {
	if spreadsheet && f.Kind != llama.Number && f.Value != "" && strings.ContainsRune("=+-@\t\r", rune(f.Value[0])) {
		return "'" + f.Value
	}
	return f.Value
}
