package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// requestPatience is how long an answer that is not a stream may take to write.
const requestPatience = time.Minute

// headers are in every answer. The page has no script and no style inside its
// HTML: what components move and size, they do through the DOM, which the policy
// allows.
var headers = [...][2]string{
	{"Content-Security-Policy", "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
}

// guard refuses what other sites make a browser send, and sets the headers that
// keep the page to itself.
func (s *Server) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range headers {
			w.Header().Set(h[0], h[1])
		}
		if r.TLS != nil && s.named(hostOf(r)) { // localhost may have plain servers beside this one
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestPatience)) // unsupported in tests only
		if !s.ours(hostOf(r)) {
			p := newProblem(http.StatusMisdirectedRequest, string(llama.Invalid), "this server is not known by the name in Host; add it to the configured hosts if it should be")
			writeProblem(w, p)
			return
		}
		if !program(r) {
			if err := crossOrigin.Check(r); err != nil {
				writeProblem(w, s.problem(r.Context(), llama.Errorf(llama.Forbidden, "the request comes from another site")))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// ours reports whether host is this server. An attacker who makes his own name
// resolve to us (DNS rebinding) still sends that name, so any IP address will do
// and names must be known.
func (s *Server) ours(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost" || s.named(host)
}

// named reports whether host is one of the configured names.
func (s *Server) named(host string) bool {
	return slices.ContainsFunc(s.Hosts, func(known string) bool { return strings.EqualFold(known, host) })
}

// hostOf returns whom a request is for, without port.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// safe reports whether a method changes nothing.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// fromPage reports whether a request says that it comes from our own page. The
// guard has refused those that say otherwise; this refuses those that say
// nothing, which no browser of today does.
func fromPage(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && origin.Host == r.Host
}
