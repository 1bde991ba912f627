// Package envelope signs and seals what travels between central and a node, so
// that whoever carries it learns who writes to whom and how much, and can
// neither read, change, forge, redirect nor repeat it.
//
// An Identity is a party's private keys, a Public what others know of it. A Peer
// is one party seen from another: it seals what goes to it and opens what comes
// from it. An envelope, version 1, numbers big-endian:
//
//	0          2         3          19          35          67            n-64        n
//	+----------+---------+----------+-----------+-----------+-------------+-----------+
//	| "LE"     | version | sender   | receiver  | key share | sealed      | signature |
//	+----------+---------+----------+-----------+-----------+-------------+-----------+
//
// Sender and receiver are ids. Sealed is HPKE (RFC 9180) in base mode with
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM; the key share is its
// encapsulated key, its info is the text "llama envelope 1" and its additional
// data are the 35 bytes before. The signature is Ed25519 by the sender over
// "llama envelope 1 signature" and all bytes before it. The sealed text is:
//
//	0      1        9        17      33        37      45     53        61
//	+------+--------+--------+-------+---------+-------+------+---------+--------+
//	| kind | epoch  | number | query | attempt | frame | made | expires | body   |
//	+------+--------+--------+-------+---------+-------+------+---------+--------+
//
// Epoch is drawn when the sender starts and number counts its envelopes to this
// receiver from 1: together they tell a repeat. Made and expires are
// milliseconds since 1970, by the sender's clock, which may be MaxSkew off. Everything
// before body is the header, authenticated as one with the body.
//
// A receiver forgets with its process which envelopes it has seen, so what
// envelopes ask for has to be harmless when asked twice.
package envelope

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	version  = 1
	info     = "llama envelope 1"
	signed   = "llama envelope 1 signature"
	idSize   = 16
	outer    = 2 + 1 + 2*idSize
	keyShare = 32
	inner    = 61
	gcmTag   = 16

	// Overhead is how much longer an envelope is than its body.
	Overhead = outer + keyShare + inner + gcmTag + ed25519.SignatureSize
)

const (
	// Lifetime is how long an envelope may be under way.
	Lifetime = 10 * time.Minute
	// MaxSkew is how far the clocks of two parties may be apart: an hour happens where
	// somebody took summer time for a time zone. It is not more because of a peer that
	// crashes at each start: see maxEpochs.
	MaxSkew = 2 * time.Hour
)

// Why an envelope is refused.
var (
	ErrMalformed = errors.New("not an envelope of a known version")
	ErrForged    = errors.New("envelope is not from the sender to this receiver as it says")
	ErrReplay    = errors.New("envelope was seen before, or is too late to tell")
	ErrExpired   = errors.New("envelope has expired; if it is new, the clocks of sender and receiver differ too much")
)

// A Header is what an envelope says of its body.
type Header struct {
	Kind    uint8
	Query   [16]byte
	Attempt uint32
	Frame   uint64
	Made    time.Time // by the sender's clock; Seal sets it
}

// A Peer is another party seen from this one. Its methods may be called by many
// at once. There should be one Peer for a party in a process: it counts what was
// sent and remembers what came.
type Peer struct {
	own  *Identity
	peer Public
	sent atomic.Uint64
	seen window
}

// Peer returns the party that has the public keys p, as i sees it.
func (i *Identity) Peer(p Public) *Peer { return &Peer{own: i, peer: p} }

// Public returns the peer's public keys.
func (p *Peer) Public() Public { return p.peer }

func suite() (hpke.KEM, hpke.KDF, hpke.AEAD) {
	return hpke.DHKEM(ecdh.X25519()), hpke.HKDFSHA256(), hpke.AES256GCM()
}

// Seal returns an envelope for the peer.
func (p *Peer) Seal(h Header, body []byte) ([]byte, error) { return p.sealAt(h, body, time.Now()) }

func (p *Peer) sealAt(h Header, body []byte, made time.Time) ([]byte, error) {
	data := make([]byte, 0, len(body)+Overhead)
	data = append(data, 'L', 'E', version)
	data = append(data, p.own.public.id...)
	data = append(data, p.peer.id...)

	_, kdf, aead := suite()
	share, sender, err := hpke.NewSender(p.peer.seal, kdf, aead, []byte(info))
	if err != nil {
		return nil, fmt.Errorf("seal envelope to %s: %w", p.peer.id, err)
	}
	sealed, err := sender.Seal(data, p.plain(h, body, made))
	if err != nil {
		return nil, fmt.Errorf("seal envelope to %s: %w", p.peer.id, err)
	}
	data = append(append(data, share...), sealed...)
	return append(data, ed25519.Sign(p.own.sign, toSign(data))...), nil
}

func (p *Peer) plain(h Header, body []byte, made time.Time) []byte {
	b := make([]byte, 0, inner+len(body))
	b = append(b, h.Kind)
	b = binary.BigEndian.AppendUint64(b, p.own.epoch)
	b = binary.BigEndian.AppendUint64(b, p.sent.Add(1))
	b = append(b, h.Query[:]...)
	b = binary.BigEndian.AppendUint32(b, h.Attempt)
	b = binary.BigEndian.AppendUint64(b, h.Frame)
	b = binary.BigEndian.AppendUint64(b, uint64(made.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(made.Add(Lifetime).UnixMilli()))
	return append(b, body...)
}

func toSign(data []byte) []byte { return append([]byte(signed), data...) }

// Open returns what an envelope from the peer holds. The error is one of the
// Err values; then nothing in data can be believed. An envelope opens once.
func (p *Peer) Open(data []byte) (Header, []byte, error) {
	plain, err := p.unseal(data)
	if err != nil {
		return Header{}, nil, err
	}
	number := binary.BigEndian.Uint64
	epoch, count := number(plain[1:]), number(plain[9:])
	expires := time.UnixMilli(int64(number(plain[53:])))
	now, last := time.Now(), expires.Add(MaxSkew)
	if now.After(last) || expires.After(now.Add(Lifetime+MaxSkew)) {
		return Header{}, nil, ErrExpired
	}
	if !p.seen.add(epoch, count, last, now) {
		return Header{}, nil, ErrReplay
	}
	return Header{
		Kind:    plain[0],
		Query:   [16]byte(plain[17:33]),
		Attempt: binary.BigEndian.Uint32(plain[33:]),
		Frame:   number(plain[37:]),
		Made:    time.UnixMilli(int64(number(plain[45:]))),
	}, plain[inner:], nil
}

// unseal returns the sealed text once its sender and receiver are proven.
func (p *Peer) unseal(data []byte) ([]byte, error) {
	if len(data) < Overhead || data[0] != 'L' || data[1] != 'E' || data[2] != version {
		return nil, ErrMalformed
	}
	end := len(data) - ed25519.SignatureSize
	if !bytes.Equal(data[3:3+idSize], []byte(p.peer.id)) || !bytes.Equal(data[3+idSize:outer], []byte(p.own.public.id)) ||
		!ed25519.Verify(p.peer.sign, toSign(data[:end]), data[end:]) {
		return nil, ErrForged
	}
	_, kdf, aead := suite()
	receiver, err := hpke.NewRecipient(data[outer:outer+keyShare], p.own.seal, kdf, aead, []byte(info))
	if err != nil {
		return nil, ErrForged
	}
	plain, err := receiver.Open(data[:outer], data[outer+keyShare:end])
	if err != nil || len(plain) < inner {
		return nil, ErrForged
	}
	return plain, nil
}
