package archive

import (
	"time"

	"github.com/llama-logs/llama"
)

// A block that grows is read event by event. Where somebody asks for what comes in, it is
// closed and packed before it is full as soon as nothing comes in, or so little that it would
// grow for long: who asks next has a block like all others. Merging makes large blocks of those that stayed small.

const (
	// earlyShare is which share of a full block's events one has at least that is closed early,
	// as one in so many: to read fewer takes less than what a question takes otherwise.
	earlyShare = 8
	// earlyAge is how long a block has grown at least that is closed while events come in. At a
	// rate at which packing small blocks and merging them would be felt, blocks are full sooner.
	earlyAge = 5 * time.Second
	// askedFor is how long after somebody asked others are taken to ask soon.
	askedFor = 10 * time.Minute
	// askedSealEvery is how often the heads are looked at meanwhile.
	askedSealEvery = sealEvery / 4
)

// asksUntil notes that somebody asks for events until to. If that reaches to what has come
// lately, they are taken to ask again for what comes next.
func (a *Archive) asksUntil(to llama.Time) {
	if now := a.o.Now(); to >= llama.At(now.Add(-askedFor)) {
		a.asked.Store(now.UnixNano())
	}
}

// askedLately reports whether somebody has asked for what came in, not long ago.
func (a *Archive) askedLately() bool {
	return a.o.Now().Sub(time.Unix(0, a.asked.Load())) < askedFor
}

// closeEarly closes blocks that grow, if there is time to spare. They are packed by who seals
// next.
func (a *Archive) closeEarly() {
	busy := a.flow.busy()
	if busy > 1 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range a.heads {
		b := p.growing()
		if b == nil || b.stat.Rows < a.o.BlockRows/earlyShare || busy > 0 && a.o.Now().Sub(b.since) < earlyAge {
			continue
		}
		a.close(b)
	}
}
