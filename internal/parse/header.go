package parse

import "github.com/llama-logs/llama"

// A Syslog takes the syslog header off messages that must have one, in two steps: so
// that what is behind it can be seen before the event is parsed.
type Syslog struct{ step *syslogStep }

// A Header is the syslog header of a message. Its strings are parts of that.
type Header struct {
	header
	found bool
}

// Read reads the header of a message.
func (s *Syslog) Read(h *Header, message string) {
	h.header = header{}
	h.found = h.read(message)
}

// Kind returns a number that messages of one program which begin alike share, and mostly
// no others do.
func (h *Header) Kind() uint8 {
	kind := byteAt(h.message, 0)
	if n := len(h.process); n > 0 {
		kind += uint8(n)*5 + h.process[n-1]*11 + h.process[n/2]*23
	}
	return kind
}

// TakeOff is Parse of the parser called syslog for an event whose header was read.
func (k *Worker) TakeOff(s *Syslog, h *Header, e *llama.Event) error {
	if !h.found {
		return errNoHeader
	}
	k.w.begin(e)
	h.apply(&k.w, s.step.clock)
	k.w.end()
	return nil
}
