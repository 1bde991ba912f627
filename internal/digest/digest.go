package digest

import (
	"crypto/sha256"
	"encoding/binary"
)

// A Batch is messages that are hashed together. It is not safe for concurrent use; its zero
// value is empty.
type Batch struct {
	bytes    []byte // of all messages, each filled up to whole blocks
	messages []message
}

// A message is where one lies in a Batch.
type message struct {
	start  int
	length int // without what it is filled up with
}

// Len returns the number of messages.
func (b *Batch) Len() int { return len(b.messages) }

// Bytes returns how long the messages are together, filled up.
func (b *Batch) Bytes() int { return len(b.bytes) }

// Room returns what the next message is to be appended to.
func (b *Batch) Room() []byte { return b.bytes }

// Add adds the message that was appended to Room.
func (b *Batch) Add(appended []byte) {
	m := message{len(b.bytes), len(appended) - len(b.bytes)}
	b.messages = append(b.messages, m)
	const length = 8 // bytes, of the message's length in bits
	end := m.start + (m.length+1+length+sha256.BlockSize-1)/sha256.BlockSize*sha256.BlockSize
	b.bytes = append(appended, ending[:end-len(appended)]...)
	binary.BigEndian.PutUint64(b.bytes[end-length:], uint64(m.length)<<3)
}

// ending is what fills a message up: a one, and zeros.
var ending = [sha256.BlockSize + 9]byte{0x80}

// Reset empties the batch, and keeps its memory if that is no more than some bytes.
func (b *Batch) Reset(most int) {
	b.messages = b.messages[:0]
	if b.bytes = b.bytes[:0]; cap(b.bytes) > most {
		b.bytes = nil
	}
}

// Sums puts the hash of each message into sums, which are so many.
func (b *Batch) Sums(sums [][sha256.Size]byte) {
	if !inStep {
		for i, m := range b.messages {
			sums[i] = sha256.Sum256(b.bytes[m.start:][:m.length])
		}
		return
	}
	b.sumsInStep(sums)
}
