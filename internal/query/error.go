package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// An Error says where a query's text is wrong. It is an Invalid llama.Error for
// llama.CodeOf.
type Error struct {
	Column  int      // 1-based, in runes
	Problem string   // what is wrong and what is expected
	Near    []string // names close to the one that is not known, best first
}

func (e *Error) Error() string {
	text := fmt.Sprintf("column %d: %s", e.Column, e.Problem)
	for _, name := range e.Near {
		text += fmt.Sprintf("; %q?", name)
	}
	return text
}

// Unwrap returns the error as one a person may see.
func (e *Error) Unwrap() error {
	return &llama.Error{Code: llama.Invalid, Message: e.Error()}
}

// near returns up to three of the names that are likely meant by name.
func near(name string, names []string) []string {
	name = strings.ToLower(name)
	type guess struct {
		name     string
		distance int
	}
	var guesses []guess
	for _, n := range names {
		d := distance(name, strings.ToLower(n))
		if len(name) >= 3 && strings.HasPrefix(n, name) {
			d = min(d, 2)
		}
		if d <= min(2, len(name)/3) || d <= 2 && strings.HasPrefix(n, name) {
			guesses = append(guesses, guess{n, d})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	out := make([]string, 0, 3)
	for _, g := range guesses[:min(3, len(guesses))] {
		if g.distance == guesses[0].distance {
			out = append(out, g.name)
		}
	}
	return out
}

// distance is the number of inserted, dropped, changed or swapped bytes that
// lie between a and b. Names longer than 64 bytes are far from all others.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		if a == b {
			return 0
		}
		return 64
	}
	var rows [3][66]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := 0; j <= len(b); j++ {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
