package node

import (
	"net/http"

	"github.com/llama-logs/llama"
)

// destroyDay answers POST /archive/destroy, with collection and day, once the events
// of that collection that arrived on that day are destroyed.
func (n *Node) destroyDay(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	if err != nil {
		err = llama.Errorf(llama.Invalid, "the parameters cannot be read: %w", err)
	} else {
		err = n.archive.Destroy(r.Context(), r.Form.Get("collection"), r.Form.Get("day"))
	}
	if err != nil {
		n.refuse(w, err)
	}
}
