package node

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/query"
)

// What the operator's socket answers under /archive, beside destroying.

// head answers POST /archive/head and /records/head with the signed head of a history.
func (n *Node) head(a *archive.Archive) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		head, err := a.Head()
		if err != nil {
			n.refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(head) // fails when who asked has gone
	}
}

// archiveStat answers POST /archive/stat with what takes how much of the disk.
func (n *Node) archiveStat(w http.ResponseWriter, r *http.Request) {
	sizes, err := n.archive.Sizes(r.Context())
	if err != nil {
		n.refuse(w, err)
		return
	}
	n.tell(w, sizes)
}

// A VerifyStep is a line of the answer to a verify: how far it is, or the end.
type VerifyStep struct {
	Done         int64                 `json:"done,omitempty"` // bytes
	Total        int64                 `json:"total,omitempty"`
	Verification *archive.Verification `json:"verification,omitempty"`
	Error        string                `json:"error,omitempty"`
}

// verify answers POST /archive/verify and /records/verify, with a head that was kept, if
// any. While it works it says how far it is.
func (n *Node) verify(a *archive.Archive) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { n.verifyArchive(w, r, a) }
}

func (n *Node) verifyArchive(w http.ResponseWriter, r *http.Request, a *archive.Archive) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		n.refuse(w, llama.Errorf(llama.Invalid, "the parameters cannot be read: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	var mu sync.Mutex // for what follows
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	var told time.Time
	tell := func(s VerifyStep) {
		out.Encode(s)                         // fails when who asked has gone, and then its context ends, too
		http.NewResponseController(w).Flush() // the same
	}
	v, err := a.Verify(r.Context(), archive.VerifyOptions{
		Head: []byte(r.Form.Get("head")),
		Progress: func(done, total int64) {
			mu.Lock()
			defer mu.Unlock()
			if now := time.Now(); now.Sub(told) >= 100*time.Millisecond {
				told = now
				tell(VerifyStep{Done: done, Total: total})
			}
		},
	})
	end := VerifyStep{Verification: v}
	if err != nil {
		end.Error, _ = n.shown(err)
	}
	tell(end)
}

// archiveExport answers POST /archive/export with the events of a collection, a JSON
// object a line, and a last line {"end":true}, with an error if it comes too early.
func (n *Node) archiveExport(w http.ResponseWriter, r *http.Request) {
	o, err := exportAsked(w, r)
	if err != nil {
		n.refuse(w, err)
		return
	}
	out := n.newLines(w)
	defer n.spare(out)
	asked := operators(r, "export", "_collection:="+strconv.Quote(r.Form.Get("collection")), 0, 0)
	err = n.ledger.answer(r.Context(), asked, func(ctx context.Context, leave leaving) error {
		return n.archive.Export(ctx, o, func(events []llama.Event) error { return out.events(events, leave) })
	})
	if err != nil && out.rows == 0 {
		n.refuse(w, err)
		return
	}
	end := map[string]any{"end": true}
	if err != nil {
		end["error"], _ = n.shown(err)
	}
	line, _ := json.Marshal(end) // this always encodes
	out.out.Write(append(line, '\n'))
	out.flush() // fails when who asked has gone
}

// events writes events of an export, once they are counted.
func (l *lines) events(events []llama.Event, leave leaving) error {
	for i := range events {
		l.line = append(archive.AppendJSON(l.line[:0], &events[i]), '\n')
		if err := leave(1, len(l.line)); err != nil {
			return err
		}
		l.rows++
		if _, err := l.out.Write(l.line); err != nil {
			return err
		}
	}
	return nil
}

func exportAsked(w http.ResponseWriter, r *http.Request) (o archive.ExportOptions, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return o, llama.Errorf(llama.Invalid, "the parameters cannot be read: %w", err)
	}
	now := time.Now()
	from, err := query.ParseMoment(r.Form.Get("start"), now)
	if err != nil {
		return o, llama.Errorf(llama.Invalid, "start: %w", err)
	}
	to, err := query.ParseMoment(r.Form.Get("end"), now)
	if err != nil {
		return o, llama.Errorf(llama.Invalid, "end: %w", err)
	}
	after := uint64(0)
	if text := r.Form.Get("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return o, llama.Errorf(llama.Invalid, "after: %q is no number", text)
		}
	}
	return archive.NewExport(r.Form.Get("collection"), from, to, after), nil
}
