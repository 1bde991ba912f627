//go:build !amd64

package parse

// notGraphic returns bits for those bytes of a text that are blanks or control characters.
func notGraphic(text *[64]byte) (marks uint64) { return notGraphicBySteps(text) }
