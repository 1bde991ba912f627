package api

import (
	"context"
	"math"
	"time"

	"github.com/llama-logs/llama"
)

// What the handlers call. Errors a person may see are *llama.Error; a query that
// is wrong is a *query.Error, which says where.

// Queries asks queries and knows those that were asked.
type Queries interface {
	// Submit asks a query; it returns once the query is safe.
	Submit(ctx context.Context, q Question) (Query, error)
	// Query returns a query, or NotFound.
	Query(ctx context.Context, id string) (Query, error)
	List(ctx context.Context, f QueryFilter) (QueryPage, error)
	// Open returns the queries that have not ended, the oldest first.
	Open(ctx context.Context) ([]Query, error)
	// Cancel ends a query. One that has ended is left as it is.
	Cancel(ctx context.Context, id string) error
}

// Results reads what queries found.
type Results interface {
	// Rows hands on the rows of a query that there are so far, from offset on,
	// at most limit of them; 0 is all. It returns emit's error if there is one.
	// The fields are emit's to read until it returns.
	Rows(ctx context.Context, id string, offset, limit int64, emit func([]llama.Field) error) error
	// Lines is Rows for rows that go out as JSON: emit gets as many at once as are kept
	// together.
	Lines(ctx context.Context, id string, offset, limit int64, emit func(Lines) error) error
	// Watch calls emit with the query as it is, then with all that changes, and
	// returns nil after the final state. Rows of the final result before from are
	// left out; NoRows leaves out all rows, also those that are known before.
	Watch(ctx context.Context, id string, from int64, emit func(Change) error) error
}

// Lines are rows that follow each other, each a flat JSON object with its line end.
type Lines interface {
	Count() int
	// Text returns the lines.
	Text() ([]byte, error)
	// Packed returns them as a zstd stream, which is how most are kept.
	Packed() []byte
	// Target returns whose node packed them, where nobody has looked at them since, else "".
	Target() string
}

// Tail follows what arrives on nodes.
type Tail interface {
	// Tail calls emit with events that match as they arrive, until ctx ends. The
	// first Arrival is empty: it says that the nodes have been asked.
	Tail(ctx context.Context, f Following, emit func(Arrival) error) error
}

// Nodes knows targets and what their nodes hold.
type Nodes interface {
	Targets(ctx context.Context) ([]Target, error)
	// Collections returns those of one target, or of all when it is empty.
	Collections(ctx context.Context, target string) ([]Collection, error)
	Statistics(ctx context.Context) (Statistics, error)
}

// Question is a submission whose times and targets have been settled.
type Question struct {
	Text     string
	Language string
	Name     string
	User     string
	Targets  []string  // never empty
	From, To time.Time // zero is open
	Limit    int64     // 0 is the server's own
	Deadline time.Time // until when nodes may answer; zero is the server's own
}

// QueryFilter says which queries to list.
type QueryFilter struct {
	State  string // empty is any
	User   string // the same
	Target string // the same
	Match  string // in name or text; the same
	After  string // QueryPage.Next of the page before
	Limit  int
}

// Change is what happened to a query: exactly one of its parts is there.
type Change struct {
	Query    *Query          // its state or a task's changed
	Progress *Progress       // it came further
	Rows     [][]llama.Field // what is known from Offset on, instead of what was
	Offset   int64
	Final    bool // Rows are of the result, and will not change
}

// NoRows as the first row wanted asks for none.
const NoRows = math.MaxInt64

// Following says what to follow.
type Following struct {
	Query   string // filters only
	User    string
	Targets []string // never empty
	After   []string // ids of events after which their nodes begin
}

// Arrival is what came while following.
type Arrival struct {
	Rows [][]llama.Field
	Lost int64 // events left out before Rows
	// Stopped says that a node follows no longer; the others go on.
	Stopped *Stopped
}
