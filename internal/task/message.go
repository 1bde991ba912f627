package task

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

// The kinds of envelopes. Their numbers travel and must not change.
const (
	kindTask    uint8 = 1  // down: a Task
	kindCancel  uint8 = 2  // down: this attempt and those before are not wanted
	kindAck     uint8 = 3  // down: all frames below the header's are kept
	kindHello   uint8 = 4  // up: hello
	kindFrame   uint8 = 5  // up: one frame of a partial result
	kindState   uint8 = 6  // up: report, without the end
	kindTail    uint8 = 7  // down: a Task to follow, or to go on following; acknowledges as kindAck does
	kindLines   uint8 = 8  // up: lines
	kindStatus  uint8 = 9  // down: asks for a Status
	kindAnswer  uint8 = 10 // up: answer
	kindKeys    uint8 = 11 // up: newKeys that the node wants to change to; down, with their id: it may
	kindCommand uint8 = 12 // down: a Command; answered
)

// route says how the carrier is to carry a kind.
func route(kind uint8) carrier.Kind {
	switch kind {
	case kindTask, kindTail, kindStatus, kindCommand:
		return carrier.Task
	case kindCancel:
		return carrier.Cancel
	case kindAck:
		return carrier.Ack
	case kindHello, kindKeys:
		return carrier.Hello
	case kindState:
		return carrier.State
	}
	return carrier.Frame
}

// hello is what a node says when it connects and then regularly.
type hello struct {
	Version string `json:"version"`
	Boot    string `json:"boot"` // drawn when the node starts
	Tasks   []held `json:"tasks"`
	Health  Health `json:"health"`
	Leaving bool   `json:"leaving,omitempty"` // it is the last: the node stops in order
}

// held is a task that a node has: waiting, running, or not wholly acknowledged.
type held struct {
	Query   uuid.UUID `json:"query"`
	Attempt uint32    `json:"attempt"`
}

// report says how a task is, or how it ended.
type report struct {
	State    store.State `json:"state"`
	Progress float64     `json:"progress"`
	Events   int64       `json:"events"`
	Bytes    int64       `json:"bytes"`
	Rows     int64       `json:"rows"` // sent
	Error    string      `json:"error,omitempty"`
	Code     llama.Code  `json:"code,omitempty"`
}

// answer carries a Status, or why there is none, or how a command went.
type answer struct {
	Status Status     `json:"status"`
	Error  string     `json:"error,omitempty"`
	Code   llama.Code `json:"code,omitempty"`
	// Result is what a command was answered with; absent for nothing.
	Result json.RawMessage `json:"result,omitempty"`
}

// A piece is a frame as it travels, whole or in parts:
//
//	| flags, 1 byte | kind, 1 byte | length of report, 2 bytes | report, JSON | body |
//
// The body is compressed as a whole, then cut; of a frame of lines it is the length of
// the frame's body, 4 bytes, that, and the lines, which alone are compressed. The last piece
// of a task has a report, and the last frame where it is whole in there; else its kind is 0.
type piece struct {
	number uint64 // not in the bytes: the header has it
	more   bool   // the frame goes on in the next piece
	last   bool
	kind   uint8
	report report // of the last
	body   []byte
}

const (
	flagMore = 1 << iota
	flagLast
)

// maxPiece is the largest body of a piece: it fits the carrier with all around it.
const maxPiece = carrier.MaxMessage - envelope.Overhead - maxReport - 4

const maxReport = 16 << 10

// maxFrame bounds a frame, once it is no longer compressed.
const maxFrame = maxRowsBytes

var errPiece = errors.New("damaged frame")

func (p *piece) encode() ([]byte, error) {
	var flags byte
	var text []byte
	if p.more {
		flags |= flagMore
	}
	if p.last {
		flags |= flagLast
		var err error
		if text, err = json.Marshal(p.report); err != nil {
			return nil, fmt.Errorf("encode report: %w", err)
		}
	}
	data := append(make([]byte, 0, 4+len(text)+len(p.body)), flags, p.kind)
	data = binary.BigEndian.AppendUint16(data, uint16(len(text)))
	return append(append(data, text...), p.body...), nil
}

func decodePiece(data []byte) (piece, error) {
	if len(data) < 4 || data[0]&^(flagMore|flagLast) != 0 || data[0] == flagMore|flagLast || data[1] >= 0x80 {
		return piece{}, errPiece
	}
	p := piece{more: data[0]&flagMore != 0, last: data[0]&flagLast != 0, kind: data[1]}
	size := int(binary.BigEndian.Uint16(data[2:]))
	data = data[4:]
	if size > len(data) || size > 0 != p.last || p.last && p.kind == 0 && size != len(data) {
		return piece{}, errPiece
	}
	p.body = data[size:]
	if p.last {
		if err := json.Unmarshal(data[:size], &p.report); err != nil || !p.report.State.Final() || !p.report.State.Valid() {
			return piece{}, errPiece
		}
	}
	return p, nil
}

// pieces cuts a frame.
func pieces(f Frame) ([]piece, error) {
	if size := len(f.Body) + len(f.Text); size > maxFrame {
		return nil, llama.Errorf(llama.TooLarge, "a partial result of %d MiB is larger than the %d MiB that travel at once", size>>20, maxFrame>>20)
	}
	var all []piece
	var body []byte
	if f.Kind == linesFrame {
		body = packLines(f)
	} else {
		body = compress(f.Body)
	}
	for len(body) > maxPiece {
		all = append(all, piece{kind: f.Kind, more: true, body: body[:maxPiece]})
		body = body[maxPiece:]
	}
	return append(all, piece{kind: f.Kind, body: body}), nil
}

// lines is a batch of followed events as it travels:
//
//	| ended, 1 byte | lost, 8 bytes | before, 8 bytes | rows, or the reason of the end |
type lines struct {
	ended  bool
	lost   uint64 // events passed over since the batch before
	before uint64 // arrival number of the last event of the batch before, or that it began after; 0: none
	text   []byte
}

func (l *lines) encode() []byte {
	data := make([]byte, 1, 17+len(l.text))
	if l.ended {
		data[0] = 1
	}
	data = binary.BigEndian.AppendUint64(data, l.lost)
	return append(binary.BigEndian.AppendUint64(data, l.before), l.text...)
}

func decodeLines(data []byte) (lines, error) {
	if len(data) < 17 || data[0] > 1 {
		return lines{}, errPiece
	}
	return lines{ended: data[0] == 1, lost: binary.BigEndian.Uint64(data[1:]), before: binary.BigEndian.Uint64(data[9:]), text: data[17:]}, nil
}

// shown returns what a person may see of err, and how it is called.
func shown(err error) (string, llama.Code) {
	if e, ok := errors.AsType[*llama.Error](err); ok {
		return cut(e.Message), e.Code
	}
	return "internal error; the node's log says more", ""
}

// cut shortens a text so that a report stays small, wherever it comes from.
func cut(text string) string {
	const most = 2 << 10
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
