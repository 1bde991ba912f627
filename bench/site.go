package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// A site makes events one after the other.
type site struct {
	random    *rand.Rand
	hosts     map[string]pool // by what kind of host they are
	users     pool
	outside   pool // addresses
	inside    pool // addresses
	paths     pool
	routes    pool
	browsers  pool
	connected int64 // number of the firewall's last connection
}

// A pool is names of which the first are much more frequent than the last.
type pool struct {
	names []string
	zipf  *rand.Zipf
}

func (p pool) pick() string { return p.names[p.zipf.Uint64()] }

func newPool(r *rand.Rand, n int, name func(i int) string) pool {
	p := pool{names: make([]string, n), zipf: rand.NewZipf(r, 1.1, 8, uint64(n-1))}
	for i := range p.names {
		p.names[i] = name(i)
	}
	return p
}

func newSite(seed uint64) *site {
	r := rand.New(rand.NewPCG(seed, 0))
	s := &site{random: r, hosts: map[string]pool{}}
	first := []string{"root", "admin", "test", "oracle", "guest", "ana", "luis", "marta", "ivan", "nora", "deploy", "backup", "git"}
	words := []string{"cart", "product", "search", "user", "static", "img", "news", "order", "invoice", "report", "help", "video"}
	word := func() string { return words[r.IntN(len(words))] }
	for _, k := range []struct {
		kind string
		n    int
	}{{"web", 60}, {"app", 80}, {"db", 30}, {"fw", 10}, {"data", 20}} {
		s.hosts[k.kind] = newPool(r, k.n, func(i int) string {
			return fmt.Sprintf("%s-%03d.%s.example.net", k.kind, i+1, []string{"bcn", "mad", "fra"}[i%3])
		})
	}
	s.users = newPool(r, 5000, func(i int) string {
		if i < len(first) {
			return first[i]
		}
		return first[i%len(first)] + "." + strconv.Itoa(i)
	})
	address := func(int) string {
		return fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(222), r.IntN(256), r.IntN(256), 1+r.IntN(254))
	}
	s.outside = newPool(r, 50_000, address)
	s.inside = newPool(r, 2000, func(int) string { return fmt.Sprintf("10.%d.%d.%d", 30+r.IntN(4), r.IntN(64), 1+r.IntN(254)) })
	s.paths = newPool(r, 20_000, func(i int) string {
		return fmt.Sprintf("/%s/%s/%d%s", word(), word(), r.IntN(100_000), []string{"", ".html", ".js", "?page=2"}[i%4])
	})
	s.routes = newPool(r, 200, func(i int) string { return fmt.Sprintf("/api/v%d/%s/%s", 1+i%3, word(), word()) })
	s.browsers = newPool(r, 150, func(i int) string {
		return fmt.Sprintf([]string{
			"Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
			"curl/8.%d.0",
		}[i%3], 1+i)
	})
	return s
}

// address is now and then one that is never seen again.
func (s *site) address() string {
	if s.random.IntN(10) > 0 {
		return s.outside.pick()
	}
	return fmt.Sprintf("%d.%d.%d.%d", 1+s.random.IntN(222), s.random.IntN(256), s.random.IntN(256), 1+s.random.IntN(254))
}

func (s *site) port() int { return 1024 + s.random.IntN(64_000) }

// anyHost is one of those that run sshd.
func (s *site) anyHost() string {
	return s.hosts[[]string{"web", "app", "db", "data"}[s.random.IntN(4)]].pick()
}

// next makes event i of n.
func (s *site) next(i, n int, at time.Time) *made {
	e := &made{at: at, pid: 300 + s.random.IntN(32_000), severity: 6}
	each := max(n/100, 1)
	switch {
	case i == n*37/100:
		s.application(e, plantedTrace)
	case i%each == each/3:
		s.linux(e, 3)
		e.app = "kernel"
		e.message = fmt.Appendf(nil, "EXT4-fs (dm-%d): %s in block %d", s.random.IntN(9), plantedPhrase, s.random.IntN(1e9))
	case i%2000 == 777:
		s.failed(e, plantedUser)
	case i%4000 == 1111:
		s.linux(e, 6)
		e.app = "named"
		e.message = fmt.Appendf(nil, "client %s#%d: query: ns%d.ma%sads.example.org IN A", s.inside.pick(), s.port(), s.random.IntN(100), plantedWord)
	default:
		s.usual(e)
	}
	return e
}

func (s *site) usual(e *made) {
	switch k := s.random.IntN(100); {
	case k < 35:
		s.sshd(e)
	case k < 50:
		s.linux(e, []int{6, 6, 6, 6, 6, 6, 6, 5, 4, 3}[s.random.IntN(10)])
	case k < 65:
		s.access(e)
	case k < 75:
		s.firewall(e)
	case k < 85:
		s.hadoop(e)
	default:
		s.application(e, s.uuid())
	}
}

func (s *site) uuid() string {
	a, b := s.random.Uint64(), s.random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

func (s *site) failed(e *made, user string) {
	ip, port := s.address(), s.port()
	e.host, e.app, e.facility = s.anyHost(), "sshd", 10
	e.message = fmt.Appendf(nil, "Failed password for %s from %s port %d ssh2", user, ip, port)
	s.login(e, "Failed", user, ip, port)
}

func (s *site) login(e *made, result, user, ip string, port int) {
	e.text("user", user)
	e.text("src_ip", ip)
	if port > 0 {
		e.number("src_port", int64(port))
	}
	e.text("result", result)
}

func (s *site) sshd(e *made) {
	user, ip, port := s.users.pick(), s.address(), s.port()
	e.host, e.app, e.facility = s.anyHost(), "sshd", 10
	switch k := s.random.IntN(20); {
	case k < 5:
		s.failed(e, user)
	case k < 7:
		e.message = fmt.Appendf(nil, "Accepted publickey for %s from %s port %d ssh2: RSA SHA256:%x", user, ip, port, s.random.Uint64())
		s.login(e, "Accepted", user, ip, port)
	case k < 10:
		e.message = fmt.Appendf(nil, "Invalid user %s from %s", user, ip)
		s.login(e, "Invalid", user, ip, 0)
	case k < 14:
		e.message = fmt.Appendf(nil, "pam_unix(sshd:session): session %s for user %s", []string{"opened", "closed"}[k%2], user)
		e.text("user", user)
	case k < 16:
		e.message = fmt.Appendf(nil, "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%s  user=%s", ip, user)
		s.login(e, "AuthFailure", user, ip, 0)
	default:
		e.message = fmt.Appendf(nil, "Received disconnect from %s: 11: Bye Bye [preauth]", ip)
		e.text("src_ip", ip)
	}
}

func (s *site) linux(e *made, severity int) {
	e.host, e.old, e.facility, e.severity = s.anyHost(), true, 3, severity
	user := s.users.pick()
	switch s.random.IntN(5) {
	case 0:
		e.app = "su"
		e.message = fmt.Appendf(nil, "pam_unix(su:session): session closed for user %s", user)
		e.text("user", user)
	case 1:
		e.app = "ntpd"
		e.message = fmt.Appendf(nil, "synchronized to %s, stratum %d", s.inside.pick(), 1+s.random.IntN(4))
	case 2:
		e.app = "crond"
		e.message = fmt.Appendf(nil, "(%s) CMD (run-parts /etc/cron.hourly)", user)
		e.text("user", user)
	case 3:
		e.app = "ftpd"
		e.message = fmt.Appendf(nil, "connection from %s () at %s", s.address(), e.at.Format(time.ANSIC))
	default:
		e.app = "kernel"
		e.message = fmt.Appendf(nil, "audit: type=1400 apparmor=\"DENIED\" pid=%d comm=\"task%d\"", e.pid, s.random.IntN(40))
	}
}

func (s *site) access(e *made) {
	e.host, e.app, e.facility = s.hosts["web"].pick(), "nginx", 16
	ip, path, bytes := s.address(), s.paths.pick(), int64(math.Exp(s.random.NormFloat64()*1.6+8))
	method := []string{"GET", "GET", "GET", "GET", "POST", "HEAD"}[s.random.IntN(6)]
	status := int64(200)
	switch k := s.random.IntN(1000); {
	case k < 53:
		status, e.severity = 503, 3
	case k < 130:
		status, e.severity = 404, 4
	case k < 240:
		status = 302
	}
	e.message = fmt.Appendf(nil, "%s - - [%s] \"%s %s HTTP/1.1\" %d %d \"-\" \"%s\"",
		ip, e.at.Format("02/Jan/2006:15:04:05 -0700"), method, path, status, bytes, s.browsers.pick())
	e.text("src_ip", ip)
	e.text("method", method)
	e.text("url", path)
	e.number("status", status)
	e.number("bytes", bytes)
}

func (s *site) firewall(e *made) {
	e.host, e.app, e.facility, e.old = s.hosts["fw"].pick(), "asa", 20, true
	ip, port, to, service := s.address(), s.port(), s.inside.pick(), []int{22, 53, 80, 443, 3389}[s.random.IntN(5)]
	s.connected += int64(1 + s.random.IntN(30))
	switch s.random.IntN(5) {
	case 0, 1:
		e.message = fmt.Appendf(nil, "%%ASA-6-302013: Built inbound TCP connection %d for outside:%s/%d (%s/%d) to inside:%s/%d (%s/%d)",
			s.connected, ip, port, ip, port, to, service, to, service)
		e.text("action", "Built")
	case 2, 3:
		seconds, bytes := s.random.IntN(3600), int64(math.Exp(s.random.NormFloat64()*2+7))
		e.message = fmt.Appendf(nil, "%%ASA-6-302014: Teardown TCP connection %d for outside:%s/%d to inside:%s/%d duration %d:%02d:%02d bytes %d TCP FINs",
			s.connected, ip, port, to, service, seconds/3600, seconds/60%60, seconds%60, bytes)
		e.text("action", "Teardown")
		e.number("bytes", bytes)
	default:
		e.severity = 4
		e.message = fmt.Appendf(nil, "%%ASA-4-106023: Deny tcp src outside:%s/%d dst inside:%s/%d by access-group \"outside_in\" [0x%x, 0x0]",
			ip, port, to, service, s.random.Uint32())
		e.text("action", "Deny")
	}
	e.text("src_ip", ip)
	e.number("src_port", int64(port))
	e.text("dst_ip", to)
	e.number("dst_port", int64(service))
}

func (s *site) hadoop(e *made) {
	e.host, e.facility = s.hosts["data"].pick(), 17
	ip, level := s.inside.pick(), "INFO"
	block := "blk_" + strconv.FormatInt(int64(uint64(e.at.Unix()/1200)*0x9e3779b97f4a7c15+uint64(s.random.IntN(4096))*0xbf58476d1ce4e5b9), 10)
	switch s.random.IntN(4) {
	case 0:
		e.app = "hdfs"
		e.message = fmt.Appendf(nil, "INFO dfs.DataNode$PacketResponder: Received block %s of size %d from /%s", block, s.random.IntN(1<<26), ip)
		e.text("block", block)
	case 1:
		e.app = "hdfs"
		e.message = fmt.Appendf(nil, "INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: %s:50010 is added to %s size %d", ip, block, s.random.IntN(1<<26))
		e.text("block", block)
	case 2:
		e.app, e.severity, level = "yarn", 4, "WARN"
		e.message = fmt.Appendf(nil, "WARN [LeaseRenewer:%s@nn-%d:9000] org.apache.hadoop.hdfs.LeaseRenewer: failed to renew the lease for %d seconds, will retry shortly",
			s.users.pick(), s.random.IntN(4), s.random.IntN(900))
	default:
		e.app = "yarn"
		e.message = fmt.Appendf(nil, "INFO [main] org.apache.hadoop.mapreduce.task: progress of attempt_%d_m_%06d_0 is %d.%02d", e.at.Unix()/3600, s.random.IntN(10_000), s.random.IntN(100), s.random.IntN(100))
	}
	e.text("level", level)
}

func (s *site) application(e *made, trace string) {
	e.host, e.app, e.facility = s.hosts["app"].pick(), []string{"checkout", "payments", "catalog", "billing"}[s.random.IntN(4)], 18
	user, method, url, ip := s.users.pick(), []string{"GET", "GET", "POST", "PUT"}[s.random.IntN(4)], s.routes.pick(), s.inside.pick()
	message := []string{"request completed", "request completed", "cache miss, asking upstream", "user session refreshed", "retrying after timeout"}[s.random.IntN(5)]
	level, status := "info", []int64{200, 200, 200, 201, 404, 500}[s.random.IntN(6)]
	switch k := s.random.IntN(100); {
	case k < 4:
		level, e.severity = "error", 3
	case k < 12:
		level, e.severity = "warn", 4
	}
	duration := strconv.FormatFloat(math.Round(math.Exp(s.random.NormFloat64()*1.2+3)*1000)/1000, 'f', -1, 64)
	e.message = fmt.Appendf(nil, `{"level":%q,"msg":%q,"user_id":%q,"trace_id":%q,"duration_ms":%s,"http":{"method":%q,"url":%q,"status":%d,"remote":%q}}`,
		level, message, user, trace, duration, method, url, status, ip)
	e.text("user", user)
	e.text("src_ip", ip)
	e.text("method", method)
	e.text("url", url)
	e.number("status", status)
	e.decimal("duration_ms", duration)
	e.text("level", level)
	e.text("trace_id", trace)
}
