package parse

// notGraphic returns bits for those bytes of a text that are blanks or control characters.
//
//go:noescape
func notGraphic(text *[64]byte) (marks uint64)
