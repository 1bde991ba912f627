package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
)

// A peers is central as a node sees it: with the keys that the node has, and with
// those it had before, under which something may still be under way.
type peers struct {
	now, before *envelope.Peer
}

// open opens an envelope from central.
func (p *peers) open(data []byte) (envelope.Header, []byte, error) {
	h, body, err := p.now.Open(data)
	if p.before != nil && errors.Is(err, envelope.ErrForged) {
		return p.before.Open(data)
	}
	return h, body, err
}

// OfferKeys tells central that the node with the given id is about to use next, and
// returns once central has said that it may. The keys in use are not changed.
func (r *Runner) OfferKeys(ctx context.Context, node string, next *envelope.Identity) error {
	key, err := carrier.KeyOf(next)
	if err != nil {
		return err
	}
	select { // an answer to an offer before
	case <-r.taken:
	default:
	}
	peer := next.Peer(r.o.Central)
	r.offered.Store(peer)
	again := time.NewTicker(r.o.Resend)
	defer again.Stop()
	for {
		if err := r.offer(node, peer, next.Public().Bytes(), key); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("offer new keys to central: %w", context.Cause(ctx))
		case id := <-r.taken:
			if id == next.ID() {
				return nil
			}
		case <-again.C:
		}
	}
}

func (r *Runner) offer(node string, next *envelope.Peer, public []byte, key carrier.Key) error {
	sign, err := next.Seal(envelope.Header{Kind: kindKeys}, []byte(node))
	if err != nil {
		return err
	}
	body, err := json.Marshal(newKeys{Keys: public, CarrierKey: key.Public(), Sign: sign, CarrierSign: key.Sign(keysToProve(node, public))})
	if err != nil {
		return fmt.Errorf("encode new keys: %w", err)
	}
	r.send(envelope.Header{Kind: kindKeys}, body)
	return nil
}

// UseKeys makes the keys that were offered the node's, and says hello with them:
// then central knows that it has them, and takes the old ones no more. Tasks go on.
func (r *Runner) UseKeys() {
	r.central.Store(&peers{now: r.offered.Load(), before: r.central.Load().now})
	r.hello(false)
}
