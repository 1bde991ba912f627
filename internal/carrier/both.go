package carrier

import (
	"context"
	"sync"
)

// Both is central's end over a Link and a Door: what is for a node that comes
// through the door goes there, all else to the link.
type Both struct {
	link *Link
	door *Door
}

// NewBoth joins a link and a door.
func NewBoth(link *Link, door *Door) *Both { return &Both{link, door} }

// Send hands a message on.
func (b *Both) Send(m Message) error {
	if b.door.has(m.Node) {
		return b.door.Send(m)
	}
	return b.link.Send(m)
}

// Run hands messages of both to h until ctx ends.
func (b *Both) Run(ctx context.Context, h Handler) error {
	var mu sync.Mutex // h is told one thing after the other
	one := Handler{
		Message:   func(m Message) { mu.Lock(); defer mu.Unlock(); h.Message(m) },
		Connected: func() { mu.Lock(); defer mu.Unlock(); h.Connected() },
	}
	ctx, cancel := context.WithCancel(ctx)
	var door sync.WaitGroup
	defer door.Wait()
	defer cancel() // runs before the wait
	// A node that is heard over the link comes through the door no more.
	over := Handler{Message: func(m Message) { b.door.end(m.Node); one.Message(m) }, Connected: one.Connected}
	door.Go(func() { b.door.Run(ctx, one) }) // its error is always nil
	return b.link.Run(ctx, over)
}
