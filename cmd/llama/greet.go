package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/llama-logs/llama/internal/node"
)

func (p *process) listening() listening {
	at := listening{PID: os.Getpid()}
	if p.center != nil {
		at.Page, at.Broker = p.center.URL(), p.center.BrokerURL()
	}
	if p.site == nil {
		return at
	}
	if addr := p.site.Addr(node.KindSyslogTCP, false); addr != nil {
		at.Syslog = fromHere(addr)
	}
	if addr := p.site.Addr(node.KindSyslogTCP, true); addr != nil {
		at.SyslogTLS = fromHere(addr)
	}
	if addr := p.site.Addr(node.KindHTTP, false); addr != nil {
		at.Ingest = fromHere(addr)
	} else if addr := p.site.Addr(node.KindHTTP, true); addr != nil {
		at.Ingest, at.IngestTLS = fromHere(addr), true
	}
	return at
}

// greet says where everything is and what to try first.
func (p *process) greet(out io.Writer, c Config, at listening) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  "+name+"\t"+format+"\n", args...) // Flush tells
	}
	fmt.Fprintf(w, "LLAMA %s is up%s.\n\n", version, p.as())
	if at.Page != "" {
		line("page", "%s", at.Page)
	}
	if _, err := os.Stat(passwordFile(c.Data)); err == nil {
		line("sign in", "as admin, with the password in %s", passwordFile(c.Data))
	}
	if _, err := os.Stat(caFile(c.Data)); err == nil {
		line("certificate", "its authority is %s", caFile(c.Data))
	}
	if at.Broker != "" {
		line("broker", "%s", at.Broker)
	}
	if p.site != nil && p.site.Membership() != nil {
		m := p.site.Membership()
		line("central", "%s, which knows this as node %s of target %s", m.URL, m.Node, m.Target)
	}
	if at.Syslog != "" {
		line("syslog", "%s, UDP and TCP", at.Syslog)
	}
	if at.SyslogTLS != "" {
		line("syslog", "%s, TLS", at.SyslogTLS)
	}
	if at.Ingest != "" {
		line("ingest", "http%s://%s, with the token in %s", map[bool]string{true: "s"}[at.IngestTLS], at.Ingest, ingestTokenFile(c.Data))
	}
	line("data", "%s", c.Data)
	line("master key", "%s; without it the data cannot be read, so keep a copy elsewhere", &c.Master)
	fmt.Fprintf(w, "\nTry, from another terminal:\n\n")
	for _, command := range p.firstSteps(c, at) {
		fmt.Fprintf(w, "  %s\n", command)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// as says which role the process has, if it has not all.
func (p *process) as() string {
	switch {
	case p.site == nil:
		return " as central"
	case p.center == nil:
		return " as a node"
	}
	return ""
}

func (p *process) firstSteps(c Config, at listening) []string {
	data := ""
	if c.Data != defaultData() {
		data = " --data " + c.Data
	}
	program := os.Args[0]
	var steps []string
	if at.Syslog != "" {
		steps = append(steps, "logger --server "+host(at.Syslog)+" --port "+port(at.Syslog)+" --tcp 'hello from the first start'")
	}
	if at.Ingest != "" {
		steps = append(steps, program+" import"+data+" --collection sshd /var/log/auth.log")
	}
	if p.site == nil {
		return []string{program + " login --url " + at.Page, program + " target add NAME"}
	}
	return append(steps, program+" query --local"+data+" '* | stats by (_collection) count() events'")
}
