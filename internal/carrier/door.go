package carrier

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/llama-logs/llama"
)

// A Door is central's end of the carrier over HTTPS requests, for sites that let
// nothing else out. A node proves its key once and gets a token for a session; then
// it posts what it sends, and asks again and again for what there is for it:
//
//	POST open     {}                        {"challenge"}
//	POST open     {"challenge","key","sign"} {"node","token"}
//	POST send     messages                  204
//	GET  receive  waits                     messages
//
// Messages are | length of kind, 1 byte | kind | length, 4 bytes | data |, one after
// the other. What waits for a node that does not ask is bounded: the oldest is lost.
//
// Sessions live in memory: after a restart of central a node opens another.
type Door struct {
	members *Members
	secret  [32]byte // makes challenges

	mu       sync.Mutex
	handler  Handler           // while Run does
	sessions map[string]*visit // by node
}

// A visit is the session of a node.
type visit struct {
	node    string
	token   string
	used    time.Time
	waiting []Message
	bytes   int
	more    chan struct{} // holds one when something waits
	over    chan struct{}
}

const (
	// waitAtMost is how long a request for messages is kept waiting. Proxies end
	// those that say nothing for a minute.
	waitAtMost = 20 * time.Second
	// visitIdle is how long a node may say nothing before it counts as gone.
	visitIdle = 3 * waitAtMost
	// challengeAge is how long a node may take to sign.
	challengeAge = time.Minute
	// slowLine is how long a request or an answer may take: 4 MiB at 128 kbit/s.
	slowLine = 5 * time.Minute
	// maxBody bounds one request or answer.
	maxBody = 8 << 20
	// proves is what a signature of a challenge begins with.
	proves = "llama carrier door 1\x00"
)

// NewDoor makes a door for members.
func NewDoor(members *Members) *Door {
	d := &Door{members: members, sessions: map[string]*visit{}}
	rand.Read(d.secret[:]) // never fails
	members.watch(d.end)
	return d
}

// Run hands messages to h until ctx ends.
func (d *Door) Run(ctx context.Context, h Handler) error {
	d.mu.Lock()
	d.handler = h
	d.mu.Unlock()
	<-ctx.Done()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handler = Handler{}
	for node, v := range d.sessions {
		close(v.over)
		delete(d.sessions, node)
	}
	return nil
}

// has reports whether a node comes through this door.
func (d *Door) has(node string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.sessions[node]
	if v != nil && time.Since(v.used) > visitIdle {
		close(v.over)
		delete(d.sessions, node)
		return false
	}
	return v != nil
}

// Send keeps a message for its node until that asks.
func (d *Door) Send(m Message) error {
	if !token(m.Node) {
		return llama.Errorf(llama.Invalid, "%q is not a node's id", m.Node)
	}
	if len(m.Data) > MaxMessage {
		return tooLarge(m)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.sessions[m.Node]
	if v == nil {
		return llama.Errorf(llama.Unavailable, "node %s does not come over HTTPS", m.Node)
	}
	v.waiting = append(v.waiting, m)
	for v.bytes += len(m.Data); v.bytes > maxWaitingBytes/8; {
		v.bytes -= len(v.waiting[0].Data)
		v.waiting = v.waiting[1:]
	}
	select {
	case v.more <- struct{}{}:
	default:
	}
	return nil
}

// end ends the session of a node that may not come any more, or not so.
func (d *Door) end(node string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v := d.sessions[node]; v != nil {
		close(v.over)
		delete(d.sessions, node)
	}
}

// ServeHTTP answers by the last part of the path.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	what := r.Method + " " + r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if what == "POST open" {
		d.open(w, r)
		return
	}
	v := d.visitor(r)
	switch {
	case v == nil:
		http.Error(w, "no session has this token; open another", http.StatusUnauthorized)
	case what == "POST send":
		d.take(w, r, v)
	case what == "GET receive":
		d.give(w, r, v)
	default:
		http.NotFound(w, r)
	}
}

type opening struct {
	Challenge []byte `json:"challenge,omitempty"`
	Key       []byte `json:"key,omitempty"`
	Sign      []byte `json:"sign,omitempty"`
}

type opened struct {
	Challenge []byte `json:"challenge,omitempty"`
	Node      string `json:"node,omitempty"`
	Token     string `json:"token,omitempty"`
}

func (d *Door) open(w http.ResponseWriter, r *http.Request) {
	var in opening
	if err := json.NewDecoder(io.LimitReader(r.Body, 4<<10)).Decode(&in); err != nil {
		http.Error(w, "the body is not the JSON that opens a session", http.StatusBadRequest)
		return
	}
	now := time.Now()
	if len(in.Key) == 0 {
		answer(w, opened{Challenge: d.challenge(now)})
		return
	}
	node, ok := d.members.named(in.Key)
	if !d.fresh(in.Challenge, now) || !Verify(in.Key, append([]byte(proves), in.Challenge...), in.Sign) || !ok || node == central {
		http.Error(w, "the key is not that of a node, or did not sign the challenge in time", http.StatusForbidden)
		return
	}
	v := &visit{node: node, token: rand.Text(), used: now, more: make(chan struct{}, 1), over: make(chan struct{})}
	d.end(node)
	d.mu.Lock()
	if _, still := d.members.named(in.Key); still && d.handler.Message != nil {
		d.sessions[node] = v
	}
	d.mu.Unlock()
	answer(w, opened{Node: node, Token: v.token})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // fails when who asked has gone
}

// challenge is a time with our mark, so that nothing is kept for strangers.
func (d *Door) challenge(now time.Time) []byte {
	at := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	mark := hmac.New(sha256.New, d.secret[:])
	mark.Write(at)
	return mark.Sum(at)
}

func (d *Door) fresh(challenge []byte, now time.Time) bool {
	if len(challenge) != 8+sha256.Size {
		return false
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(challenge)))
	return hmac.Equal(challenge, d.challenge(at)) && now.Sub(at) < challengeAge
}

func (d *Door) visitor(r *http.Request) *visit {
	given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	node, secret, _ := strings.Cut(given, ".")
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.sessions[node]
	if v == nil || !hmac.Equal([]byte(v.token), []byte(secret)) {
		return nil
	}
	v.used = time.Now()
	return v
}

// take hands on what a node sends.
func (d *Door) take(w http.ResponseWriter, r *http.Request, v *visit) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(slowLine)) // unsupported in tests only
	for {
		m, err := readMessage(r.Body)
		if errors.Is(err, io.EOF) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		m.Node = v.node
		d.mu.Lock()
		if d.handler.Message != nil && d.sessions[v.node] == v {
			d.handler.Message(m) // under the lock, so one after the other
		}
		d.mu.Unlock()
	}
}

// give answers with what waits for a node, or what comes within a while.
func (d *Door) give(w http.ResponseWriter, r *http.Request, v *visit) {
	wait := time.NewTimer(waitAtMost)
	defer wait.Stop()
	all := d.fetch(v)
	for len(all) == 0 {
		select {
		case <-v.more:
			all = d.fetch(v)
			continue
		case <-r.Context().Done():
			return
		case <-v.over:
			http.Error(w, "the session is over", http.StatusUnauthorized)
			return
		case <-wait.C:
		}
		break
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slowLine)) // unsupported in tests only
	w.Header().Set("Content-Type", "application/octet-stream")
	for _, m := range all {
		if writeMessage(w, m) != nil {
			return // who asked has gone; what it did not get is lost, and repaired
		}
	}
}

// fetch takes what fits one answer from what waits.
func (d *Door) fetch(v *visit) []Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	v.used = time.Now()
	n, size := 0, 0
	for n < len(v.waiting) && size+len(v.waiting[n].Data) <= maxBody/2 {
		size += len(v.waiting[n].Data)
		n++
	}
	all := v.waiting[:n:n]
	v.waiting = v.waiting[n:]
	v.bytes -= size
	if len(v.waiting) > 0 {
		select {
		case v.more <- struct{}{}:
		default:
		}
	}
	return all
}

var errMessage = errors.New("damaged message")

func writeMessage(w io.Writer, m Message) error {
	head := append([]byte{byte(len(m.Kind))}, m.Kind...)
	head = binary.BigEndian.AppendUint32(head, uint32(len(m.Data)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(m.Data)
	return err
}

// readMessage returns io.EOF at the end, and another error within a message.
func readMessage(r io.Reader) (Message, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:1]); err != nil {
		return Message{}, err
	}
	kind := make([]byte, size[0])
	if _, err := io.ReadFull(r, kind); err != nil {
		return Message{}, errMessage
	}
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return Message{}, errMessage
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > MaxMessage || !token(string(kind)) {
		return Message{}, errMessage
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return Message{}, errMessage
	}
	return Message{Kind: Kind(kind), Data: data}, nil
}
