package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

// Members are those whom the carrier lets in.
type Members interface {
	// Put makes keys those that a node connects with, and no others; without any
	// the node is shut out, its connections too.
	Put(node string, keys ...[]byte) error
}

// admit tells the carrier what keys a node connects with.
func (c *Central) admit(n store.Node) error {
	if c.o.Members == nil {
		return nil
	}
	var keys [][]byte
	for _, key := range [][]byte{n.CarrierKey, n.Next.Carrier} {
		if len(key) > 0 {
			keys = append(keys, key)
		}
	}
	return c.o.Members.Put(n.ID, keys...)
}

// Enrol makes a node of this process one of target's. A node that is enrolled may
// change its target. carrierKey is what it connects with.
func (c *Central) Enrol(ctx context.Context, target string, public envelope.Public, carrierKey []byte) error {
	if target == "" || len(target) > 200 {
		return llama.Errorf(llama.Invalid, "a target's name has 1 to 200 bytes")
	}
	n := store.Node{ID: public.ID(), Target: target, Keys: public.Bytes(), CarrierKey: carrierKey}
	if err := c.o.Store.PutNode(ctx, n); err != nil {
		return err
	}
	return c.know(n)
}

// Join makes a node one of the target that a code is for, and returns that. secret
// is hashed. A node may join twice by the same code.
func (c *Central) Join(ctx context.Context, code string, secret []byte, public envelope.Public, carrierKey []byte) (target string, err error) {
	n := store.Node{ID: public.ID(), Keys: public.Bytes(), CarrierKey: carrierKey}
	if n.Target, err = c.o.Store.Join(ctx, code, secret, n); err != nil {
		return "", err
	}
	c.o.Log.Info("node joined", "node", n.ID, "target", n.Target)
	return n.Target, c.know(n)
}

// know takes up a node that the store has.
func (c *Central) know(n store.Node) error {
	made, err := c.newNode(n)
	if err != nil {
		return err
	}
	if err := c.admit(n); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.nodes[n.ID]; old != nil {
		old.mu.Lock()
		defer old.mu.Unlock()
		old.target = n.Target
		return nil
	}
	c.nodes[n.ID] = made
	return nil
}

// Revoke shuts a node out for good: it may not connect, is not asked, and what it
// says is not believed. What it has not answered yet has failed.
func (c *Central) Revoke(ctx context.Context, id string) error {
	if err := c.o.Store.RevokeNode(ctx, id); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.nodes, id)
	all := make([]*live, 0, len(c.live))
	for _, l := range c.live {
		all = append(all, l)
	}
	c.mu.Unlock()
	c.o.Log.Info("node revoked", "node", id)
	var errs []error
	if c.o.Members != nil {
		errs = append(errs, c.o.Members.Put(id))
	}
	for _, l := range all {
		errs = append(errs, c.giveUp(context.WithoutCancel(ctx), l, id))
	}
	return errors.Join(errs...)
}

// giveUp ends the task of a node that was revoked.
func (c *Central) giveUp(ctx context.Context, l *live, node string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := of(l.q, node)
	if t == nil || t.State.Final() || l.over {
		return nil
	}
	q := clone(l.q)
	t = of(q, node)
	t.State, t.Error, t.Ended = store.Failed, "the node was revoked before it had answered", llama.At(time.Now())
	settle(q)
	if ended(q) {
		return c.finish(ctx, l, q)
	}
	if err := c.o.Store.UpdateQuery(ctx, q); err != nil {
		return err
	}
	l.q = q
	l.wake()
	return nil
}

// newKeys are the public keys that a node wants to change to, with proof that it
// has their private halves: signatures of keysToProve.
type newKeys struct {
	Keys        []byte `json:"keys"`
	CarrierKey  []byte `json:"carrier_key"`
	Sign        []byte `json:"sign"` // an envelope, sealed by the new keys, of the node's id
	CarrierSign []byte `json:"carrier_sign"`
}

// keysToProve is what the carrier key signs.
func keysToProve(node string, keys []byte) []byte {
	return fmt.Appendf(nil, "llama node keys 1\x00%s\x00%x", node, keys)
}

// takeKeys notes the keys that a node wants to change to, and says that it may. From
// then on both are good, until the node is heard with the new ones.
func (c *Central) takeKeys(ctx context.Context, n *node, body []byte) error {
	var k newKeys
	if err := json.Unmarshal(body, &k); err != nil {
		return errors.New("damaged new keys")
	}
	public, err := envelope.ParsePublic(k.Keys)
	if err != nil {
		return err
	}
	next := c.o.Identity.Peer(public)
	h, about, err := next.Open(k.Sign)
	if err != nil || h.Kind != kindKeys || string(about) != n.id || !carrier.Verify(k.CarrierKey, keysToProve(n.id, k.Keys), k.CarrierSign) {
		return errors.New("new keys are not proved")
	}
	all, err := c.o.Store.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, stored := range all {
		if stored.ID != n.id {
			continue
		}
		stored.Next = store.Keys{Envelope: k.Keys, Carrier: k.CarrierKey}
		if err := c.o.Store.SetNextKeys(ctx, n.id, stored.Next); err != nil {
			return err
		}
		if err := c.admit(stored); err != nil {
			return err
		}
		if old := n.next.Load(); old == nil || old.Public().ID() != public.ID() {
			n.next.Store(next)
		}
		c.send(n, envelope.Header{Kind: kindKeys}, []byte(public.ID()))
		return nil
	}
	return llama.Errorf(llama.NotFound, "node %s is not known any more", n.id)
}

// open opens an envelope of a node. One that was sealed by the keys which the node
// was about to change to makes these its keys.
func (c *Central) open(ctx context.Context, n *node, data []byte) (envelope.Header, []byte, error) {
	h, body, err := n.peer.Load().Open(data)
	next := n.next.Load()
	if next == nil || !errors.Is(err, envelope.ErrForged) {
		return h, body, err
	}
	h, body, err = next.Open(data)
	if err != nil {
		return h, body, err
	}
	if err := c.useNext(ctx, n, next); err != nil && ctx.Err() == nil {
		c.o.Log.Error("new keys of a node not kept", "node", n.id, "error", err) // it is tried again with the next message
	}
	return h, body, nil
}

func (c *Central) useNext(ctx context.Context, n *node, next *envelope.Peer) error {
	if err := c.o.Store.UseNextKeys(ctx, n.id); err != nil {
		return err
	}
	n.peer.Store(next)
	n.next.Store(nil)
	c.o.Log.Info("node has changed its keys", "node", n.id)
	all, err := c.o.Store.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, stored := range all {
		if stored.ID == n.id {
			return c.admit(stored)
		}
	}
	return nil
}
