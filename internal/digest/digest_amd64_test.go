package digest

import (
	"crypto/sha256"
	"testing"
)

// TestSumsOfOtherProcessors is without the instructions. It is not parallel: others are then.
func TestSumsOfOtherProcessors(t *testing.T) {
	defer func(before bool) { inStep = before }(inStep)
	inStep = false
	var b Batch
	messages := []string{"", "abc", string(make([]byte, 200))}
	for _, m := range messages {
		b.Add(append(b.Room(), m...))
	}
	sums := make([][sha256.Size]byte, len(messages))
	b.Sums(sums)
	for i, m := range messages {
		if sums[i] != sha256.Sum256([]byte(m)) {
			t.Errorf("message %d: %x", i, sums[i])
		}
	}
}
