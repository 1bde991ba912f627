// Package audit records who did what at central, in an archive of central's own,
// and answers questions about it. An entry is an event of the collection audit: it
// is sealed as all events are, under a root in a signed history, so that what was
// changed or left out shows. Central's own numbers lie beside them, as the collection
// metrics.
//
// The package decides neither what is recorded nor who may read it.
package audit

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/measure"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/prometheus/client_golang/prometheus"
)

// Collection is the name of the collection that entries are in.
const Collection = "audit"

// Entry is one thing that was done, or was refused. It is an alias of a plain
// struct, so that those who record name the same type without importing this
// package.
type Entry = struct {
	User    string // "" for one who is not known
	Action  string // as submit-query
	Outcome string // success or failure
	Code    string // of the failure
	Address string // where it came from; "" for central itself
	Object  string // what it was done to
	Fields  []llama.Field
}

// Options say how the log is kept.
type Options struct {
	Dir       string // made when it is not there
	Master    seal.Master
	Signer    crypto.Signer // of heads of the history
	Retention time.Duration
	Metrics   time.Duration // how long central's numbers are kept
	Log       *slog.Logger
}

// Log is an open audit log. Its methods may be called by many at once.
type Log struct {
	files   *fsys.Disk
	archive *archive.Archive
}

// queryMemory bounds one question about the log in bytes.
const queryMemory = 256 << 20

// Open opens the log, or makes it.
func Open(o Options) (*Log, error) {
	files, err := fsys.Dir(filepath.Clean(o.Dir))
	if err != nil {
		return nil, fmt.Errorf("open the audit log's folder: %w", err)
	}
	a, err := archive.Open(files, o.Master, archive.Options{
		Retention:   archive.Retention{Age: o.Retention},
		Collections: map[string]archive.Retention{measure.Collection: {Age: o.Metrics}}, Logger: o.Log, Signer: o.Signer,
		HeadSize: 16 * config.MiB, LogSize: 16 * config.MiB, LogFileSize: 4 * config.MiB,
		RecentSize: config.MiB, DirectorySize: 4 * config.MiB, DecodedSize: 16 * config.MiB, PositionsSize: config.MiB,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the audit log: %w", err), files.Close())
	}
	return &Log{files: files, archive: a}, nil
}

// Run keeps the log, as an archive is kept, until ctx ends.
func (l *Log) Run(ctx context.Context) error { return l.archive.Run(ctx) }

// Measure writes what a process counts, once a minute, until ctx ends.
func (l *Log) Measure(ctx context.Context, from prometheus.Gatherer, log *slog.Logger) error {
	return measure.Run(ctx, measure.Options{From: from, Into: l.archive, Log: log})
}

// Close closes what Open opened.
func (l *Log) Close() error { return errors.Join(l.archive.Close(), l.files.Close()) }

// Record adds an entry; it is on disk when Record returns nil.
func (l *Log) Record(ctx context.Context, e Entry) error {
	at := llama.At(time.Now())
	event := llama.Event{Time: at, Ingested: at, Collection: Collection, Source: "central", Message: message(&e)}
	add := func(name, value string) {
		if value != "" {
			event.Set(name, value, llama.String)
		}
	}
	add("event.action", e.Action)
	add("event.outcome", e.Outcome)
	add("error.code", e.Code)
	add("user.name", e.User)
	add("source.ip", e.Address)
	add("llama.object", e.Object)
	for _, f := range e.Fields {
		event.Set(f.Name, f.Value, f.Kind)
	}
	if err := l.archive.Put(context.WithoutCancel(ctx), &llama.Batch{Events: []llama.Event{event}}); err != nil {
		return fmt.Errorf("record %s of %s: %w", e.Action, e.User, err)
	}
	return nil
}

// message says what was done in a line for people.
func message(e *Entry) string {
	var b strings.Builder
	switch {
	case e.User != "":
		b.WriteString(e.User)
	case e.Address != "":
		b.WriteString("somebody")
	default:
		b.WriteString("central")
	}
	b.WriteString(": " + e.Action)
	if e.Object != "" {
		b.WriteString(" " + e.Object)
	}
	if e.Code != "" {
		b.WriteString(" (" + e.Code + ")")
	}
	return b.String()
}

// Rows answers a question in LogsQL about the log, over from up to and without to,
// 0 for open, with at most limit rows, the newest first unless it says otherwise.
func (l *Log) Rows(ctx context.Context, text string, from, to llama.Time, limit int, emit func([]llama.Field) error) error {
	return l.rows(ctx, Collection, text, from, to, limit, emit)
}

// Metrics answers a question about central's numbers, as Rows does about the log.
func (l *Log) Metrics(ctx context.Context, text string, from, to llama.Time, limit int, emit func([]llama.Field) error) error {
	return l.rows(ctx, measure.Collection, text, from, to, limit, emit)
}

func (l *Log) rows(ctx context.Context, collection, text string, from, to llama.Time, limit int, emit func([]llama.Field) error) error {
	q, err := query.Parse(text, time.Now())
	if err != nil {
		return err
	}
	if limit > 0 {
		q = q.WithLimit(limit)
	}
	if to != 0 {
		to--
	}
	snapshot := l.archive.Snapshot()
	defer snapshot.Close()
	return q.Execute(ctx, archive.Only{Snapshot: snapshot, Collection: collection}, query.RunOptions{From: from, To: to, NodeID: "central", MaxMemory: queryMemory}, emit)
}
