package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// outside registers what is not part of the API: the page, health and metrics.
func (s *Server) outside(mux *http.ServeMux) error {
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.health)
	if s.Metrics != nil {
		mux.HandleFunc("GET /metrics", s.serveMetrics)
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, s.problem(r.Context(), llama.Errorf(llama.NotFound, "there is no %s %s", r.Method, r.URL.Path)))
	})
	if s.Page == nil {
		return nil
	}
	p, err := newPage(s.Page)
	if err != nil {
		return err
	}
	mux.Handle("/", p)
	return nil
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if s.Healthy != nil {
		if err := s.Healthy(r.Context()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "not healthy") // why is not for strangers
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// serveMetrics answers GET /metrics. A program on this machine needs no token, so
// that a collector of metrics can be pointed here and nothing more; one elsewhere
// sends the token of a sign-in. What a proxy on this machine hands on comes from
// elsewhere.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if !fromHere(r) {
		who, err := s.identify(r.Context(), w, r)
		if err == nil && !who.May(auth.ReadTargets, "") {
			err = refusal(who, auth.ReadTargets, everywhere)
		}
		if err != nil {
			writeProblem(w, s.problem(r.Context(), err))
			return
		}
	}
	s.Metrics.ServeHTTP(w, r)
}

// fromHere reports whether a request was made on this machine, and not handed on
// by a proxy.
func fromHere(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// A page serves the files of the page from memory. Paths without a file are the
// page's own, and answer index.html.
type page struct {
	files map[string]file // by path, without the leading slash
}

type file struct {
	data        []byte
	contentType string
	etag        string
}

func newPage(from fs.FS) (*page, error) {
	p := &page{files: map[string]file{}}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		p.files[name] = file{data: data, contentType: contentType(name, data), etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	if _, ok := p.files["index.html"]; !ok {
		return nil, fmt.Errorf("read page: there is no index.html")
	}
	return p, nil
}

// contentType does not ask the machine's tables, which differ.
func contentType(name string, data []byte) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	case ".map":
		return "application/json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return http.DetectContentType(data)
}

// hashed is the folder whose files have their content's hash in the name.
const hashed = "assets/"

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page is only read", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	f, ok := p.files[name]
	switch {
	case ok && strings.HasPrefix(name, hashed):
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	case strings.HasPrefix(name, hashed):
		http.NotFound(w, r) // an old page asks for files of its time; index.html is no script
		return
	default:
		w.Header().Set("Cache-Control", "no-cache") // ask again, by ETag
		if !ok {
			f = p.files["index.html"]
		}
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}

// compress compresses what is worth it; streams of events stay as they are, to
// arrive at once.
func compress(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(true), gzhttp.MinSize(1<<10), gzhttp.ContentTypes([]string{
		"application/json", "application/problem+json", "application/openapi+json", "application/x-ndjson", "application/manifest+json",
		"text/html", "text/css", "text/csv", "text/javascript", "text/plain", "image/svg+xml",
	}))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	return wrap(next), nil
}

// carrierPath is where nodes come in.
const carrierPath = "/carrier/"

// beside passes nodes by the compression, which has no part in what they send.
func (s *Server) beside(next http.Handler) http.Handler {
	if s.Carrier == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, carrierPath) {
			r.Pattern = carrierPath // which counts it
			s.Carrier.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
