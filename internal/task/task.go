// Package task is a query's life: it is planned and addressed in central, runs
// on nodes, comes back as partial results, is merged and kept.
//
//	Central                       carrier                        Runner (node)
//	Submit ── query, tasks ──┐                            ┌── queue, fair by user
//	          in the store   ├── task, cancel ──────────▶ │
//	live query ◀─────────────┤                            ├── Executor
//	  frames kept, merged    ├── hello, state, frame ◀─── │
//	  result kept            └── ack ───────────────────▶ └── outbox, a window
//
// # The protocol
//
// Every message is an envelope: signed, sealed and never opened twice. The
// carrier may lose messages. What repairs that is small:
//
//   - A node's partial result is numbered frames, the last of which says how the
//     task ended. A node holds at most a window of frames that central has not
//     acknowledged, and sends them again until it has. Central acknowledges what
//     it has made durable: the number of the first frame it does not have.
//   - A node says hello when it connects and then every few seconds, with the
//     tasks it holds. Central sends again what the node should hold and does not,
//     and cancels what it should not. So neither needs to know whether a task,
//     a cancel or an acknowledgement arrived, or that the other was restarted.
//   - A task that a node began and lost (it was restarted) gets a new attempt,
//     which supersedes all that the attempts before have sent.
//
// Everything is idempotent by query, node, attempt and frame.
//
// Central's database is the truth. What is kept in memory of a live query can be
// rebuilt from it, except how far nodes say they are.
package task

import (
	"context"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/query"
)

// A Link is one party's end of a carrier.
type Link interface {
	Send(carrier.Message) error
	Run(ctx context.Context, h carrier.Handler) error
}

// A Row is one row of a result: its fields in the order they are shown.
type Row = []llama.Field

// A Frame is a piece of a partial result, as the query engine makes and reads it.
type Frame struct {
	Kind uint8 // below 0x80
	Body []byte
	// Text are rows as lines of JSON, of frames of the kind linesFrame: they are packed apart
	// from Body, so that they can be handed on as they came.
	Text []byte
	Rows int // rows or groups in it, as a node counts them; it does not travel
	// Again gives Body once more, or Text, from Packed bytes that are held for that, so that
	// a Merge need not hold it; nil where nobody has it.
	Again  func() ([]byte, error)
	Packed int
	// Origin is where a frame of lines comes from.
	Origin *origin
}

// linesFrame is the kind of frames that have a Text.
const linesFrame = uint8(query.Lines)

// A Planner understands queries.
type Planner interface {
	// Plan parses the query of t, whose Limit is part of it. Times relative to now
	// in its text are so to t.Asked. The error may be shown to the person who
	// asked.
	Plan(t Task) (Plan, error)
}

// A Plan is a query that was understood.
type Plan interface {
	String() string // in normal form
	NewMerge() Merge
}

// A Merge makes a result of partial ones: Add is called once for each frame, then
// Rows once. After an error of Add it is of no use. A llama.TooLarge says that
// the frames so far are all that it can take.
type Merge interface {
	Add(node string, f Frame) error
	Rows(ctx context.Context, emit func(Row) error) error
}

// A LineMerge is a Merge that has its rows as lines of JSON: Lines may be called instead
// of Rows, and gives as many at once as lie in one frame.
type LineMerge interface {
	Merge
	Lines(ctx context.Context, emit func(query.LinesOf) error) error
}

// A Task is one query addressed to one node, as it travels.
type Task struct {
	ID       uuid.UUID  `json:"-"` // of the query; a node has it from the envelope
	Target   string     `json:"target"`
	Query    string     `json:"query"`
	Language string     `json:"language"`
	User     string     `json:"user"` // who asks
	From     llama.Time `json:"from"` // 0 for open
	To       llama.Time `json:"to"`   // 0 for open
	Limit    int        `json:"limit"`
	Asked    llama.Time `json:"asked"`     // what "now" means in the query
	Deadline llama.Time `json:"deadline"`  // 0 for a live tail
	MaxBytes int64      `json:"max_bytes"` // of frames
	// Lines says that central takes rows as lines. One of an older program does not.
	Lines bool `json:"lines,omitempty"`
	// EndWithFrame says that central takes the last frame and the end in one piece; likewise.
	EndWithFrame bool `json:"end_with_frame,omitempty"`
	// After is the arrival number of the node's event after which a live tail begins;
	// 0 is the newest.
	After uint64 `json:"after,omitempty"`
}

// Progress is how far a task is.
type Progress struct {
	Share  float64 // 0 to 1
	Events int64   // looked at
	Bytes  int64   // read from disk
}

// An Executor answers tasks at a node. Its methods may be called by many at
// once. Errors that are a *llama.Error are shown to the person who asked.
type Executor interface {
	// Partial runs a query. emit takes a frame and waits while central is slow;
	// after an error of emit nothing more is wanted. progress may be called as
	// often as is convenient. When ctx ends, Partial returns at once.
	Partial(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error
	// Follow emits the events that match, from now on or after t.After, in batches, until ctx
	// ends. emit waits for a slow line, but not for long; lost is how many matching events were
	// passed over before these.
	Follow(ctx context.Context, t Task, emit func(rows []Row, lost uint64)) error
	// Status says what the node has.
	Status(ctx context.Context) (Status, error)
}

// Status is what a node says of itself.
type Status struct {
	Collections     []Collection `json:"collections"`
	EventsPerSecond float64      `json:"events_per_second"` // coming in
}

// A Collection is what a node has of one.
type Collection struct {
	Name   string     `json:"name"`
	Events int64      `json:"events"`
	Bytes  int64      `json:"bytes"` // on disk
	First  llama.Time `json:"first"` // the earliest `_time`
	Last   llama.Time `json:"last"`
	Age    string     `json:"age,omitempty"`  // how long it is kept, as 90d
	Size   int64      `json:"size,omitempty"` // bytes on disk that it may have; 0 for any
}
