package column

import (
	"context"
	"sync/atomic"

	"github.com/llama-logs/llama"
)

// A Block is a run of events of one collection in column form, in the order of
// their arrival. It is immutable and may be read by many at once.
type Block struct {
	Collection string
	Len        int // rows
	// Names lists the fields that at least one row has, sorted; `_msg`,
	// `_source` and event.ingested are among them.
	Names []string
	// Load decodes the column called name. It returns nil when no row has it.
	// Calls may come at once and repeat; what was decoded is kept.
	Load func(name string) (*Column, error)
	// Times decodes `_time` and Seqs `_seq`, which grows, one a row.
	Times func() ([]llama.Time, error)
	Seqs  func() ([]uint64, error)
	// Ingested decodes event.ingested as times, which Load gives as text. Nil in
	// a block without them.
	Ingested func() ([]llama.Time, error)
	// At returns what Times, Seqs and Ingested have of some rows, which grow. It is for
	// few of them. Nil in a block that has all at hand.
	At func(rows []uint32) (*Moments, error)
	// Families tells which events have what in common. Nil in a block that has
	// columns only, and then so are the next two.
	Families func() (*Families, error)
	// Values decodes the values of a slot: that of the i-th event of its family is row
	// first + i. Slots that look alike share values.
	Values func(Slot) (v *Values, first int, err error)
	// Facts returns what is known of the values of a slot without reading them, nil for
	// nothing. Nil in blocks that know nothing of any.
	Facts func(Slot) (*Facts, error)
	// Loose decodes a column of the events that have no template, of which row i is
	// that of the i-th of them; nil when none has it.
	Loose func(name string) (*Column, error)
	// Counts tells how many rows have each value of a field; nil where there are too many
	// values for that to be less work than looking at the rows. Nil in blocks that do not
	// know.
	Counts func(name string) (*Counts, error)
	// TimeCounts tells how many rows have their `_time` in each stretch of so many
	// nanoseconds, the first of which begins at a time that is not after any of them: runs
	// of rows in one stretch, of which it may be in several. Nil in blocks that do not know.
	TimeCounts func(first llama.Time, length int64) ([]TimeCount, error)
	// Grouped returns the block with its rows in another order, those of a family side by
	// side, so that what family a row has need not be read. It has neither Times, Seqs and
	// At nor event.ingested. Nil in blocks without families, and in what it returns.
	Grouped func() *Block

	// Each calls do with one event after the other, as it was given to the block:
	// values that were found in the message share its memory. The row is good until
	// do returns. Nil in a block that has columns only.
	Each func(do func(*Row) error) error

	// Read counts the bytes that were read from disk for it so far. Nil in a block
	// that was only in memory.
	Read *atomic.Int64
}

// Rows is the number of events.
func (b *Block) Rows() int { return b.Len }

// BytesRead returns how many bytes were read from disk for the block so far.
func (b *Block) BytesRead() int64 {
	if b.Read == nil {
		return 0
	}
	return b.Read.Load()
}

// A TimeCount is so many rows, of which one has the time.
type TimeCount struct {
	Time llama.Time
	Rows uint64
}

// Moments are what a block has of some rows beside their fields.
type Moments struct {
	Rows     []uint32 // growing
	Times    []llama.Time
	Seqs     []uint64
	Ingested []llama.Time
}

// A Column is one field of a block: for each row a code into a dictionary.
//
// Invariant: code 0 means that the row does not have the field; code c > 0
// stands for Values[c-1] and Kinds[c-1]. The dictionary may hold a value twice:
// columns of mostly distinct values are not deduplicated.
type Column struct {
	Name   string
	Codes  []uint32
	Values []string
	Kinds  []llama.Kind // nil when all are strings

	all string // the values one behind the other, where they lie so; "": not known
}

// Value returns the value of row, and whether it has one.
func (c *Column) Value(row int) (value string, kind llama.Kind, ok bool) {
	code := c.Codes[row]
	if code == 0 {
		return "", llama.String, false
	}
	if c.Kinds != nil {
		kind = c.Kinds[code-1]
	}
	return c.Values[code-1], kind, true
}

// Bytes returns about how much memory the column takes. Nil takes none.
func (c *Column) Bytes() int {
	if c == nil {
		return 0
	}
	n := 100 + 4*len(c.Codes) + 16*len(c.Values) + len(c.Kinds)
	for _, v := range c.Values {
		n += len(v)
	}
	return n
}

// A Stat is what is known of a block without reading it.
type Stat struct {
	Collection string
	Rows       int
	Bytes      int64 // on disk; 0 in memory
	MinTime    llama.Time
	MaxTime    llama.Time
	FirstSeq   uint64
	LastSeq    uint64
}

// A Ref is a block that can be read, or stands for all of a Sealed. There are as many as
// blocks in an archive, so it is small, and nothing is made for it before it is read.
type Ref struct {
	*Stat  // which is not changed
	Of     Blocks
	Number int // among those; Whole for all of a Sealed, which is opened and not read
	// Sealed is what the block belongs to; nil for one in memory. Refs of one call
	// that belong together have the same.
	Sealed *Sealed
	// Growing tells what the block does not have, before it is gathered. Nil in blocks that
	// are.
	Growing Growing
}

// Whole is the number of a Ref that stands for all blocks of a Sealed.
const Whole = -1

// Read returns the block. It may be called by many at once.
func (r *Ref) Read(ctx context.Context) (*Block, error) { return r.Of.Read(ctx, r.Number) }

// Filter returns what tells which words the block does not have, without reading the
// block; nil where nothing is known of it.
func (r *Ref) Filter() Filter { return r.Of.Filter(r.Number) }

// Ahead has the system begin to read what was read of other blocks of the collection, as
// it will likely be read of this one, and waits for nothing. It is called by one at a time
// for all refs of one call, and may be called again when more was read. Of a Ref that
// stands for many it is what is known of each that is read.
func (r *Ref) Ahead() { r.Of.Ahead(r.Number) }

// Blocks are those of a segment, or one in memory, which does nothing in Ahead. Their
// numbers count from 0. See Ref for the methods.
type Blocks interface {
	Read(ctx context.Context, number int) (*Block, error)
	Filter(number int) Filter
	Ahead(number int)
}

// A Sealed is blocks that never change and stay together: a segment. What somebody
// has computed over all of them can be kept beside it, under a name that says what it
// is. Its functions may be called by many at once; all but Open are nil where nothing is kept.
type Sealed struct {
	Blocks  int // in all
	Bytes   int64
	MinTime llama.Time
	MaxTime llama.Time
	// Open appends the blocks. Of one that is damaged it is a Ref that cannot be read.
	Open func(refs []Ref) []Ref
	// Find returns what was kept under a name, in parts that add up, and what was made of
	// them, if that is remembered; nil for nothing. Neither must be changed. There are no
	// parts of Nothing.
	Find func(name string) (parts [][]byte, made any)
	// Keep keeps parts, as long as there is room. None forgets what was kept.
	Keep func(name string, parts [][]byte)
	// Remember remembers what was made of parts that Find returned or Keep kept under a name,
	// of so many bytes, as long as there is memory, and only beside these very parts; made of
	// no parts there is Nothing. It may be nil.
	Remember func(name string, parts [][]byte, made any, bytes int)
	// Ahead has the system begin to read the filters of the blocks, and waits for nothing.
	// It may be nil.
	Ahead func()
}

// Nothing is remembered of a Sealed of which no block has what was asked for, as their filters
// tell: that is not worth a file.
type Nothing struct{}

// A Filter tells which words a block does not have, by their keys; see AppendKeys.
type Filter interface {
	// May reports whether the word may be there, or in a message of it. If not, it is not.
	May(key uint64, inMessage bool) bool
}

// A Growing tells what a block does not have that is still to be gathered. It may be asked by
// many at once.
type Growing interface {
	// Bytes returns about how many bytes MayHold looks through at most.
	Bytes() int
	// MayHold reports whether text may be in a message, a source or the value of a field. If
	// not, it is in none. It looks through all bytes of the events in which the text was not
	// looked for lately, which takes less than to gather their messages, and more than to ask
	// a column of few values that is filled already. When ctx ends, it says that it may.
	MayHold(ctx context.Context, text string) bool
	// MayHave reports whether an event may have a field of that name. If not, none has.
	MayHave(field string) bool
}
