package task

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
)

// A node joins by one exchange, which whoever carries it can neither read nor use:
// the node seals the code's secret to central, whose keys the code has, and central
// seals its answer to the node. That central can open the first and the node the
// second proves each to the other.

// Joining is what a node asks with.
type Joining struct {
	Code        string `json:"code"`
	Secret      []byte `json:"secret"`
	CarrierKey  []byte `json:"carrier_key"`
	CarrierSign []byte `json:"carrier_sign"`
	Version     string `json:"version"`
}

// Joined is what central answers.
type Joined struct {
	Node   string `json:"node"`
	Target string `json:"target"`
	// Brokers are URLs of brokers elsewhere; none when central's own is to be used.
	Brokers []string `json:"brokers,omitempty"`
	// Port is where central's own broker listens; 0 when only the page's port does.
	Port int `json:"port,omitempty"`
	// Authority signs the certificates of Brokers, PEM; empty for the one that the
	// node knows.
	Authority string `json:"authority,omitempty"`
}

// kindJoin marks both envelopes of the exchange.
const kindJoin uint8 = 12

// maxJoin bounds a request to join.
const maxJoin = 16 << 10

// SealJoining returns what a node sends to join by a code.
func SealJoining(own *envelope.Identity, c envelope.Code, version string) ([]byte, error) {
	key, err := carrier.KeyOf(own)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(Joining{
		Code: c.ID, Secret: c.Secret, CarrierKey: key.Public(), CarrierSign: key.Sign(keysToProve(own.ID(), own.Public().Bytes())), Version: version,
	})
	if err != nil {
		return nil, fmt.Errorf("encode request to join: %w", err)
	}
	return own.Peer(c.Central).Seal(envelope.Header{Kind: kindJoin}, body)
}

// OpenJoined returns what central has answered.
func OpenJoined(own *envelope.Identity, central envelope.Public, data []byte) (Joined, error) {
	h, body, err := own.Peer(central).Open(data)
	if err != nil {
		return Joined{}, fmt.Errorf("open central's answer: %w", err)
	}
	var j Joined
	if err := json.Unmarshal(body, &j); err != nil || h.Kind != kindJoin {
		return Joined{}, fmt.Errorf("central's answer is not understood; its program may be newer than the node's")
	}
	return j, nil
}

// AnswerJoining lets the node with the given public keys join. It fills in j the node
// and its target, and returns that sealed.
func (c *Central) AnswerJoining(ctx context.Context, keys, sealed []byte, j *Joined) ([]byte, error) {
	public, err := envelope.ParsePublic(keys)
	if err != nil || len(sealed) > maxJoin {
		return nil, llama.Errorf(llama.Invalid, "this is no request to join")
	}
	peer := c.o.Identity.Peer(public)
	h, body, err := peer.Open(sealed)
	if err != nil || h.Kind != kindJoin {
		return nil, llama.Errorf(llama.Forbidden, "the request is not for this central, or the clocks of the two machines differ too much; a code is for the central that made it")
	}
	var in Joining
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, llama.Errorf(llama.Invalid, "this is no request to join")
	}
	if _, err := hex.DecodeString(in.Code); err != nil || !carrier.Verify(in.CarrierKey, keysToProve(public.ID(), keys), in.CarrierSign) {
		return nil, llama.Errorf(llama.Forbidden, "the request does not prove the node's keys")
	}
	j.Node = public.ID()
	if j.Target, err = c.Join(ctx, in.Code, envelope.HashSecret(in.Secret), public, in.CarrierKey); err != nil {
		return nil, err
	}
	answer, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode answer to node %s: %w", j.Node, err)
	}
	return peer.Seal(envelope.Header{Kind: kindJoin}, answer)
}
