package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/measure"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The node's own operator asks over a socket in the data directory. Whoever may
// open it (mode 0600) may ask everything; there is no other way to ask a node
// without central.

// maxSocket is the longest path of a socket, in bytes: the system's, less the
// zero at its end.
const maxSocket = len(syscall.RawSockaddrUnix{}.Path) - 1

// CheckSocket refuses a path that the system would refuse, in words that help.
func CheckSocket(path string) error {
	if len(path) > maxSocket {
		return llama.Errorf(llama.Invalid, "the path of the operator's socket, %s, has %d bytes, and the system allows %d; use a data directory with a shorter path", path, len(path), maxSocket)
	}
	return nil
}

// openSocket makes the socket. The data directory is locked, so one that lies
// there is left over.
func (n *Node) openSocket() error {
	if n.o.Socket == "" {
		return nil
	}
	if err := os.Remove(n.o.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open socket: %w", err)
	}
	socket, err := net.Listen("unix", n.o.Socket)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	// Between the two lines the socket has the mode of the umask, but the data
	// directory around it is the owner's alone.
	if err := os.Chmod(n.o.Socket, 0o600); err != nil {
		return errors.Join(fmt.Errorf("open socket: %w", err), socket.Close())
	}
	n.socket = socket
	n.opened = append(n.opened, closedListener{socket})
	return nil
}

// closedListener closes a listener that its server may have closed already.
type closedListener struct{ net.Listener }

func (l closedListener) Close() error {
	if err := l.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (n *Node) serveSocket(ctx context.Context) error {
	if n.socket == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", n.health)
	mux.HandleFunc("GET /readyz", n.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.o.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/select/logsql/query", n.selectQuery)
	mux.HandleFunc("/select/logsql/tail", n.selectTail)
	mux.HandleFunc("POST /node/rotate", n.rotateKeys)
	mux.HandleFunc("POST /node/reload", n.serveReload)
	mux.HandleFunc("POST /node/status", n.serveStatus)
	mux.HandleFunc("POST /archive/destroy", n.destroyDay)
	mux.HandleFunc("POST /archive/export", n.archiveExport)
	mux.HandleFunc("POST /archive/head", n.head(n.archive))
	mux.HandleFunc("POST /archive/stat", n.archiveStat)
	mux.HandleFunc("POST /archive/verify", n.verify(n.archive))
	mux.HandleFunc("POST /records/head", n.head(n.records))
	mux.HandleFunc("POST /ledger/query", n.askRecords(ledgerCollection))
	mux.HandleFunc("POST /metrics/query", n.askRecords(measure.Collection))
	mux.HandleFunc("POST /records/verify", n.verify(n.records))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 128 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: withPeer,
		ErrorLog:    slog.NewLogLogger(n.o.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { server.Close() }) // queries under way end with ctx
	defer stop()
	if err := server.Serve(n.socket); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", n.o.Socket, err)
	}
	return nil
}

// health answers GET /healthz: 503 while the archive takes nothing.
func (n *Node) health(w http.ResponseWriter, _ *http.Request) {
	if n.archive.Stat().Failing {
		http.Error(w, "the archive cannot be written to; the log says why", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n") // fails when who asked has gone
}
