package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
)

// maxEvent is the longest server-sent event that is read.
const maxEvent = 32 << 20

// readEvents reads server-sent events, as the HTML standard has them but for
// bare CRs as line ends, and hands on each with its name and data. It returns at
// the event called end, whose error, if it has one, becomes its own. The
// scanner's error is the caller's to look at.
func readEvents(lines *bufio.Scanner, handle func(name string, data []byte) error) (ended bool, err error) {
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	name, data, some := "message", []byte(nil), false
	for lines.Scan() {
		line := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0 && some:
			if err := handle(name, data); err != nil {
				return false, fmt.Errorf("event %s: %w", name, err)
			}
			if name == "end" {
				return true, endError(data)
			}
			name, data, some = "message", data[:0], false
		case string(field) == "event":
			name = string(value)
		case string(field) == "data":
			if some {
				data = append(data, '\n')
			}
			if data, some = append(data, value...), true; len(data) > maxEvent {
				return false, bufio.ErrTooLong
			}
		}
	}
	return false, nil
}

func endError(data []byte) error {
	var end struct{ Error string }
	if err := json.Unmarshal(data, &end); err != nil {
		return fmt.Errorf("event end: %w", err)
	}
	if end.Error != "" {
		return &Problem{Detail: end.Error}
	}
	return nil
}
