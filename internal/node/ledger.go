package node

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/task"
)

// A ledger keeps what was asked of the node, by whom, and how much left it: two
// events a question, in an archive of its own, whose history the node signs. It is
// the site's: central asks the other archive, and cannot reach this one.
//
// Invariant: nothing of an answer leaves before its question is safe in the ledger.
type ledger struct {
	records *archive.Archive
	reserve *reserve
	log     *slog.Logger
}

const (
	ledgerCollection = "ledger"
	// ledgerPatience is how long a question waits to be recorded.
	ledgerPatience = 10 * time.Second
)

// A question is what the ledger says of one.
type question struct {
	action   string // query, tail or export
	source   string // by which way it came: central or socket
	user     string // who asked
	id       uuid.UUID
	target   string
	language string
	text     string
	from, to llama.Time // 0 for open
}

// fields are those that both events of a question have.
func (q *question) fields(transaction, kind string) []llama.Field {
	fields := []llama.Field{
		{Name: "event.action", Value: q.action},
		{Name: "event.type", Value: kind},
		{Name: "user.name", Value: q.user},
		{Name: "transaction.id", Value: transaction},
	}
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, llama.Field{Name: name, Value: value})
		}
	}
	if q.id != uuid.Nil {
		add("llama.query.id", q.id.String())
	}
	add("llama.target", q.target)
	add("llama.query.language", q.language)
	if q.from != 0 {
		add("llama.query.from", q.from.String())
	}
	if q.to != 0 {
		add("llama.query.to", q.to.String())
	}
	return fields
}

// leaving counts what leaves, before it does. It returns an error, and then nothing
// may leave, unless the question is recorded.
type leaving func(rows, bytes int) error

// answer records q, answers it by fn, and records how much left and how it ended. The
// question is written while fn works; the first call of leaving waits for that.
func (l *ledger) answer(ctx context.Context, q question, fn func(context.Context, leaving) error) error {
	transaction, begun := rand.Text(), time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var recording sync.WaitGroup
	var unrecorded error
	recording.Go(func() {
		if unrecorded = l.put(ctx, q, begun, q.fields(transaction, "start")); unrecorded != nil {
			cancel()
		}
	})
	var rows, bytes atomic.Int64
	err := fn(ctx, func(r, b int) error {
		if recording.Wait(); unrecorded != nil {
			return unrecorded
		}
		rows.Add(int64(r))
		bytes.Add(int64(b))
		return nil
	})
	if recording.Wait(); unrecorded != nil {
		return unrecorded
	}
	number := func(name string, value int64) llama.Field {
		return llama.Field{Name: name, Value: strconv.FormatInt(value, 10), Kind: llama.Number}
	}
	end := append(q.fields(transaction, "end"),
		number("llama.rows", rows.Load()), number("llama.bytes", bytes.Load()), number("event.duration", int64(time.Since(begun))))
	if err == nil || q.action == "tail" && errors.Is(err, context.Canceled) { // a tail ends so
		end = append(end, llama.Field{Name: "event.outcome", Value: "success"})
	} else {
		end = append(end, llama.Field{Name: "event.outcome", Value: "failure"}, llama.Field{Name: "error.message", Value: err.Error()})
	}
	return errors.Join(err, l.put(ctx, q, time.Now(), end))
}

// put makes an event of a question durable, even when who asked has gone.
func (l *ledger) put(ctx context.Context, q question, at time.Time, fields []llama.Field) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ledgerPatience)
	defer cancel()
	now := llama.At(at)
	batch := &llama.Batch{Events: []llama.Event{{
		Time: now, Ingested: now, Collection: ledgerCollection, Source: q.source, Message: q.text, Fields: fields,
	}}}
	err := l.records.Put(ctx, batch)
	if err == nil {
		l.keepReserve()
		return nil
	}
	if had, releaseErr := l.reserve.release(); had {
		err = l.records.Put(ctx, batch)
	} else {
		err = errors.Join(err, releaseErr)
	}
	if err != nil {
		return llama.Errorf(llama.Unavailable, "the node's ledger cannot be written, and without it nothing is answered: %w", err)
	}
	return nil
}

func (l *ledger) keepReserve() {
	if err := l.reserve.keep(); err != nil {
		l.log.Warn("no disk is set aside for the ledger", "error", err)
	}
}

// recorded is an executor whose questions are in the ledger.
type recorded struct {
	*executor
	ledger *ledger
}

func fromCentral(action string, t task.Task) question {
	return question{
		action: action, source: "central", user: t.User, id: t.ID, target: t.Target,
		language: t.Language, text: t.Query, from: t.From, to: t.To,
	}
}

// Partial implements task.Executor.
func (r recorded) Partial(ctx context.Context, t task.Task, emit func(task.Frame) error, progress func(task.Progress)) error {
	return r.ledger.answer(ctx, fromCentral("query", t), func(ctx context.Context, leave leaving) error {
		return r.executor.Partial(ctx, t, func(f task.Frame) error {
			if err := leave(f.Rows, len(f.Body)); err != nil {
				return err
			}
			return emit(f)
		}, progress)
	})
}

// Follow implements task.Executor.
func (r recorded) Follow(ctx context.Context, t task.Task, emit func([]task.Row, uint64)) error {
	return r.ledger.answer(ctx, fromCentral("tail", t), func(ctx context.Context, leave leaving) error {
		if err := leave(0, 0); err != nil { // emit could not say it
			return err
		}
		return r.executor.Follow(ctx, t, func(rows []task.Row, lost uint64) {
			leave(len(rows), rowBytes(rows)) // recorded already
			emit(rows, lost)
		})
	})
}

// rowBytes is the size of the names and values of rows.
func rowBytes(rows []task.Row) (n int) {
	for _, row := range rows {
		for _, f := range row {
			n += len(f.Name) + len(f.Value)
		}
	}
	return n
}
