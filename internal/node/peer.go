package node

import (
	"context"
	"net"
	"net/http"
	"os/user"
	"strconv"

	"github.com/llama-logs/llama"
)

// Who asks over the operator's socket.

// peerKey is the context's key of the user at the other end of the socket.
type peerKey struct{}

func withPeer(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, peer(conn))
}

// peer names the user of this machine at the other end of a socket: by name, or by
// number where none is known.
func peer(conn net.Conn) string {
	uid, ok := peerID(conn)
	if !ok {
		return "operator"
	}
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// operators is the ledger's word on a request to the socket.
func operators(r *http.Request, action, text string, from, to llama.Time) question {
	who, _ := r.Context().Value(peerKey{}).(string)
	return question{action: action, source: "socket", user: who, language: "logsql", text: text, from: from, to: to}
}
