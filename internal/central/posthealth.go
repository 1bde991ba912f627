package central

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
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// PostSocket is the file, in a broker's data directory, where it says how it is.
const PostSocket = "broker.sock"

// openHealth listens where the broker says how it is: on a socket in its data directory,
// and at an address if one is given. The data directory is locked, so a socket that lies
// there is left over.
func (p *Post) openHealth(data, address string) error {
	path := filepath.Join(data, PostSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open socket: %w", err)
	}
	socket, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("open socket %s: %w", path, err)
	}
	p.health = append(p.health, socket)
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	if address == "" {
		return nil
	}
	at, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("broker.metrics: %w", err)
	}
	p.health = append(p.health, at)
	return nil
}

// MetricsAddress returns where the broker says how it is beside its socket; "" for nowhere.
func (p *Post) MetricsAddress() string {
	if len(p.health) < 2 {
		return ""
	}
	return p.health[1].Addr().String()
}

// Run answers who asks how the broker is, until ctx ends. Its metrics go to the process's
// registry.
func (p *Post) Run(ctx context.Context, registry *prometheus.Registry) error {
	registry.MustRegister(p.post.Metrics())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	for _, path := range []string{"GET /healthz", "GET /readyz"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if !p.post.Running() {
				http.Error(w, "the broker takes no connections; the log says why", http.StatusServiceUnavailable)
				return
			}
			io.WriteString(w, "ok\n") // fails when who asked has gone
		})
	}
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	var group errgroup.Group
	for _, l := range p.health {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				server.Close() // the other door, too, so that Run returns
				return fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	return group.Wait()
}
