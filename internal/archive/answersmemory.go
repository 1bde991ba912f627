package archive

import (
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/seal"
)

// Answers that were kept or read lately are in memory, too, with what else is decoded:
// who asks again and again does not open a file for each segment.

// A rememberedAnswer is what a file has.
type rememberedAnswer struct {
	file  *answer
	parts [][]byte
}

// A madeAnswer is what was made of the parts of an answer. Two who compute the same answer at
// once may write it in different orders.
type madeAnswer struct {
	of    [][]byte // nil: of Nothing
	value any
}

// isOf reports whether it was made of these very parts.
func (m madeAnswer) isOf(parts [][]byte) bool {
	return len(m.of) > 0 && len(parts) > 0 && &m.of[0] == &parts[0]
}

// answerPiece and madePiece name what is remembered of a segment. They have the segment's
// name, as readers of segments that were merged look where the merged one's is.
func answerPiece(s *stored, name string) string { return "answer " + s.Name.String() + " " + name }
func madePiece(s *stored, name string) string   { return "made " + s.Name.String() + " " + name }

// recallAnswer returns an answer from memory, or from its file, and what was made of it;
// nil when none is kept.
func (a *Archive) recallAnswer(s *stored, name string, key seal.Key, reader uint64) (parts [][]byte, made any) {
	// What was made is of no use without the answer, and so looked for, and let go, sooner.
	v, _ := a.decoded.find(&s.held, wholeSegment, madePiece(s, name), reader)
	m, _ := v.(madeAnswer)
	if v, ok := a.decoded.find(&s.held, wholeSegment, answerPiece(s, name), reader); ok {
		if r := v.(*rememberedAnswer); a.answers.used(r.file) {
			if m.isOf(r.parts) {
				made = m.value
			}
			return r.parts, made
		}
		a.forgetRemembered(s, name)
	}
	if m.value == (column.Nothing{}) {
		return nil, m.value
	}
	file, parts := a.findAnswer(s, answerTag(key, name), key)
	if file != nil {
		a.rememberAnswer(s, name, file, parts, reader)
	}
	return parts, nil
}

// rememberAnswer remembers what is in a file.
func (a *Archive) rememberAnswer(s *stored, name string, file *answer, parts [][]byte, reader uint64) {
	bytes := 0
	for _, part := range parts {
		bytes += cap(part)
	}
	a.remember(s, answerPiece(s, name), &rememberedAnswer{file, parts}, bytes, reader)
}

// rememberMade remembers what was made of an answer, if that is remembered, or of Nothing, in
// the place of what was made before.
func (a *Archive) rememberMade(s *stored, name string, parts [][]byte, made any, bytes int, reader uint64) {
	m := madeAnswer{parts, made}
	if parts != nil {
		v, _ := a.decoded.find(&s.held, wholeSegment, answerPiece(s, name), reader)
		if r, ok := v.(*rememberedAnswer); !ok || !m.isOf(r.parts) {
			return
		}
	}
	a.decoded.without(&s.held, wholeSegment, madePiece(s, name))
	a.remember(s, madePiece(s, name), m, bytes, reader)
}

func (a *Archive) remember(s *stored, piece string, value any, bytes int, reader uint64) {
	a.decoded.add(&s.held, wholeSegment, &decodedPiece{name: piece, value: value, bytes: bytes + len(piece) + pieceOverhead, used: reader})
}

// forgetRemembered forgets an answer, but not its file.
func (a *Archive) forgetRemembered(s *stored, name string) {
	a.decoded.without(&s.held, wholeSegment, answerPiece(s, name))
	a.decoded.without(&s.held, wholeSegment, madePiece(s, name))
}
