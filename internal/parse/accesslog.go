package parse

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/llama-logs/llama"
)

// StepAccessLog reads the access logs of web servers.
var StepAccessLog = Step{
	Name: "access_log",
	Doc: "Reads the common and combined log formats that Apache, nginx and many others write, with a virtual host before or further values " +
		"behind, and the format that mod_ssl comes configured with. It is written by hand, for it meets millions of lines.",
	Options: accessOptions{},
	make:    build(accessOptions{}, newAccess),
	Examples: []StepExample{
		{
			Raw:  `192.0.2.7 - jo [07/Mar/2026:09:15:02 +0100] "GET /shop/item.html?id=7 HTTP/1.1" 404 512 "https://example.org/" "Mozilla/5.0 (X11)"`,
			Want: `{"_time":"2026-03-07T08:15:02Z","source.address":"192.0.2.7","source.ip":"192.0.2.7","user.name":"jo","http.request.method":"GET","url.original":"/shop/item.html?id=7","url.path":"/shop/item.html","url.extension":"html","url.query":"id=7","http.version":"1.1","http.response.status_code":404,"http.response.body.bytes":512,"http.request.referrer":"https://example.org/","user_agent.original":"Mozilla/5.0 (X11)","event.outcome":"failure"}`,
		},
		{
			Raw:  `www.example.org:443 2001:db8::7 - - [07/Mar/2026:09:15:02 +0000] "-" 408 -`,
			Want: `{"_time":"2026-03-07T09:15:02Z","destination.domain":"www.example.org","url.domain":"www.example.org","destination.port":443,"source.address":"2001:db8::7","source.ip":"2001:db8::7","http.response.status_code":408,"event.outcome":"failure"}`,
		},
		{Raw: `hello`, Err: errNoAccess.Error()},
	},
}

type accessOptions struct{}

type accessStep struct{ clock }

func newAccess(_ accessOptions, v *env) (step, error) { return accessStep{v.clock}, nil }

var errNoAccess = errors.New("not the common or combined log format")

// An access is one line of an access log. "-" is left out.
type access struct {
	vhost, client, user   string
	stamp                 stamp
	request               string
	status, bytes         string
	tlsVersion, tlsCipher string
	referrer, agent       string
}

func (s accessStep) run(w *work) error {
	var a access
	if !a.read(w.e.Message) {
		return errNoAccess
	}
	w.e.Time = s.time(&a.stamp, w.e.Ingested)
	a.apply(w)
	return nil
}

// read reads
//
//	[VHOST] CLIENT IDENT USER [TIME] "REQUEST" STATUS BYTES ["REFERRER" "AGENT" ...]
//
// The user may have blanks in it, for a client can send any name.
func (a *access) read(s string) bool {
	if byteAt(s, 0) == '[' {
		return a.readTLS(s[1:])
	}
	client, rest, ok := cutAccessTime(s, &a.stamp)
	if !ok || !a.readClient(client) {
		return false
	}
	if a.request, rest, ok = cutQuoted(rest); !ok {
		return false
	}
	a.status, rest, _ = strings.Cut(strings.TrimPrefix(rest, " "), " ")
	a.bytes, rest, _ = strings.Cut(rest, " ")
	if !allDigits(a.status) && a.status != "-" || !allDigits(a.bytes) && a.bytes != "-" {
		return false
	}
	if referrer, after, ok := cutQuoted(rest); ok {
		a.referrer = referrer
		a.agent, _, _ = cutQuoted(strings.TrimPrefix(after, " "))
	}
	return true
}

// cutAccessTime reads the first time in brackets and returns what stands before and
// behind it.
func cutAccessTime(s string, out *stamp) (before, behind string, ok bool) {
	for at := 1; at < len(s); {
		i := strings.IndexByte(s[at:], '[') // which may stand in the user's name, too
		if i < 0 {
			break
		}
		at += i + 1
		if s[at-2] != ' ' {
			continue
		}
		if n := readCLF(s[at:], out); n > 0 {
			behind, ok = strings.CutPrefix(s[at+n:], "] ")
			return s[:at-2], behind, ok
		}
	}
	return "", "", false
}

// isAccessLog reports whether a message is a line of an access log: what the step
// would read of it up to the request's first quote.
func isAccessLog(s string) bool {
	var st stamp
	_, request, ok := cutAccessTime(s, &st)
	return ok && strings.HasPrefix(request, `"`)
}

// readTLS reads the format that mod_ssl comes configured with:
//
//	[TIME] CLIENT PROTOCOL CIPHER "REQUEST" BYTES
func (a *access) readTLS(s string) bool {
	n := readCLF(s, &a.stamp)
	if n == 0 || !strings.HasPrefix(s[n:], `] `) {
		return false
	}
	words := strings.SplitN(s[n+2:], " ", 4)
	if len(words) < 4 {
		return false
	}
	a.client, a.tlsVersion, a.tlsCipher = words[0], words[1], words[2]
	var rest string
	var ok bool
	if a.request, rest, ok = cutQuoted(words[3]); !ok {
		return false
	}
	a.status, a.bytes = "-", strings.TrimSpace(rest)
	return a.bytes == "-" || allDigits(a.bytes)
}

// readClient reads what stands before the time. Behind proxies there may be a list
// of addresses, in quotes or not; the first that is public is the client.
func (a *access) readClient(s string) bool {
	left, user, ok := strings.Cut(s, " - ")
	if !ok {
		// The identity of RFC 1413 is nearly never there, but may be.
		if left, user, ok = strings.Cut(s, " "); !ok {
			return false
		}
		if _, user, ok = strings.Cut(user, " "); !ok {
			return false
		}
	}
	a.user = user
	if n := addressLen(left); n == len(left) {
		a.client = left
		return left != ""
	}
	first, more, ok := strings.Cut(left, " ")
	if ok && !isIP(first) && !strings.HasSuffix(first, ",") && byteAt(first, 0) != '"' {
		a.vhost, left = first, more
	}
	for left != "" {
		n := addressLen(left)
		if address := left[:n]; address != "" {
			if a.client == "" || isPublic(address) {
				a.client = address
			}
			if isPublic(address) {
				break
			}
		}
		left = left[min(n+1, len(left)):]
	}
	return a.client != ""
}

// addressLen returns how many bytes s has before the first blank, comma or quote.
func addressLen(s string) int {
	const ends = uint64(1<<' ' | 1<<',' | 1<<'"')
	n := 0
	for n < len(s) && ends>>s[n]&1 == 0 {
		n++
	}
	return n
}

// isPublic reports whether an address is one that the internet routes.
func isPublic(s string) bool {
	if !isIP(s) {
		return false
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate()
}

// cutQuoted cuts off a value in quotes, within which a backslash guards quotes.
func cutQuoted(s string) (value, rest string, ok bool) {
	if byteAt(s, 0) != '"' {
		return "", s, false
	}
	n := quotedLen(s[1:])
	if n < 0 {
		return "", s, false
	}
	return s[1 : 1+n], s[n+2:], true
}

// The fields that most lines give.
var (
	slotClient    = slotOf("source.address")
	slotClientIP  = slotOf("source.ip")
	slotUser      = slotOf("user.name")
	slotStatus    = slotOf("http.response.status_code")
	slotBytes     = slotOf("http.response.body.bytes")
	slotReferrer  = slotOf("http.request.referrer")
	slotAgent     = slotOf("user_agent.original")
	slotOutcome   = slotOf("event.outcome")
	slotMethod    = slotOf("http.request.method")
	slotVersion   = slotOf("http.version")
	slotURL       = slotOf("url.original")
	slotPath      = slotOf("url.path")
	slotExtension = slotOf("url.extension")
	slotQuery     = slotOf("url.query")
)

func (a *access) apply(w *work) {
	if a.vhost != "" {
		host, port := a.vhost, ""
		if i := strings.LastIndexByte(host, ':'); i > 0 && allDigits(host[i+1:]) {
			host, port = host[:i], host[i+1:]
		}
		if isIP(host) {
			w.set("destination.ip", host, llama.String)
		} else if host != "-" {
			w.set("destination.domain", host, llama.String)
		}
		w.set("url.domain", host, llama.String)
		if port != "" {
			w.set("destination.port", canonicalNumber(port), llama.Number)
		}
	}
	if a.client != "" && a.client != "-" {
		w.fill(&slotClient, a.client, llama.String)
		if isIP(a.client) {
			w.fill(&slotClientIP, a.client, llama.String)
		} else {
			w.set("source.domain", a.client, llama.String)
		}
	}
	fillPresent(w, &slotUser, a.user)
	a.applyRequest(w)
	if a.status != "-" {
		w.fill(&slotStatus, canonicalNumber(a.status), llama.Number)
	}
	if a.bytes != "-" {
		w.fill(&slotBytes, canonicalNumber(a.bytes), llama.Number)
	}
	if name, version, ok := strings.Cut(a.tlsVersion, "v"); ok {
		w.set("tls.version_protocol", strings.ToLower(name), llama.String)
		w.set("tls.version", version, llama.String)
	}
	setPresent(w, "tls.cipher", a.tlsCipher)
	fillPresent(w, &slotReferrer, a.referrer)
	fillPresent(w, &slotAgent, a.agent)
	switch {
	case a.status == "-":
	case len(a.status) == 3 && a.status < "400":
		w.fill(&slotOutcome, "success", llama.String)
	default:
		w.fill(&slotOutcome, "failure", llama.String)
	}
}

func setPresent(w *work, name, value string) {
	if value != "" && value != "-" {
		w.set(name, value, llama.String)
	}
}

func fillPresent(w *work, s *slot, value string) {
	if value != "" && value != "-" {
		w.fill(s, value, llama.String)
	}
}

// applyRequest takes METHOD URL HTTP/VERSION apart. A request that is none, as
// scanners send, is kept as it came in http.request.line.
func (a *access) applyRequest(w *work) {
	if a.request == "" || a.request == "-" {
		return
	}
	method, rest, ok := strings.Cut(a.request, " ")
	if !ok || !isMethod(method) {
		w.set("http.request.line", a.request, llama.String)
		return
	}
	url, version := cutVersion(rest)
	w.fill(&slotMethod, method, llama.String)
	applyURL(w, url)
	fillPresent(w, &slotVersion, version)
}

// cutVersion cuts the last " HTTP/" off and what is behind it, which mostly is 1.1.
func cutVersion(s string) (url, version string) {
	i := len(s) - len(" HTTP/1.1")
	if i < 0 || s[i:i+len(" HTTP/")] != " HTTP/" {
		if i = strings.LastIndex(s, " HTTP/"); i < 0 {
			return s, ""
		}
	}
	return s[:i], s[i+len(" HTTP/"):]
}

func isMethod(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// applyURL sets url.original and its parts.
func applyURL(w *work, url string) {
	fillPresent(w, &slotURL, url)
	path := url
	if strings.HasPrefix(url, "/") {
		// A path, which no scheme stands before.
	} else if scheme, rest, ok := strings.Cut(url, "://"); ok && isMethod(scheme) {
		w.set("url.scheme", scheme, llama.String)
		host := rest
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			host, path = rest[:i], rest[i:]
		} else {
			path = ""
		}
		if i := strings.LastIndexByte(host, ':'); i > 0 && allDigits(host[i+1:]) {
			w.set("url.port", canonicalNumber(host[i+1:]), llama.Number)
			host = host[:i]
		}
		setPresent(w, "url.domain", host)
	} else {
		return // CONNECT host:port, OPTIONS *
	}
	path, fragment, _ := strings.Cut(path, "#")
	path, query, _ := strings.Cut(path, "?")
	if path != "" {
		w.fill(&slotPath, path, llama.String)
	}
	if slash, dot := strings.LastIndexByte(path, '/'), strings.LastIndexByte(path, '.'); dot > slash && dot < len(path)-1 {
		w.fill(&slotExtension, path[dot+1:], llama.String)
	}
	if query != "" {
		w.fill(&slotQuery, query, llama.String)
	}
	if fragment != "" {
		w.set("url.fragment", fragment, llama.String)
	}
}
