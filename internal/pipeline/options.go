package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path"
	"regexp"

	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/receive"
)

// Options configure the pipeline.
type Options struct {
	Routes []Route `yaml:"routes" doc:"What becomes of which events. The first route that fits counts; events that none fits are parsed by the module that knows them and kept in the collection of its name."`

	Log     *slog.Logger `yaml:"-"`
	Metrics *Metrics     `yaml:"-"`
}

// A Route says what becomes of the events that it fits.
type Route struct {
	When       When              `yaml:"when" doc:"Which events; without it all."`
	Collection string            `yaml:"collection" doc:"Where they are kept, unless their sender has said where. Default: the name of the parser that knew them, else syslog or the name of the file."`
	Override   bool              `yaml:"override" doc:"Keep them in this collection even if their sender named another."`
	Parser     string            `yaml:"parser" doc:"The parser of their messages; auto finds one, none leaves them. Default: auto, and none for events that came as JSON."`
	Fields     map[string]string `yaml:"fields" doc:"Fields that each gets, over those it has."`

	KeepOriginal bool `yaml:"keep_original" doc:"Keep the line as it came, its syslog header included, in event.original. What a sender of JSON has put there stays."`
}

// When says which events a route fits: those that fit all that is given here,
// each in at least one of its values.
type When struct {
	Receiver   []string `yaml:"receiver" doc:"The receiver's name, or its protocol: syslog-udp, syslog-tcp, syslog-tls, http-jsonl, http-lines, http-bulk, file."`
	Port       []int    `yaml:"port" doc:"The port they came to."`
	Sender     []string `yaml:"sender" doc:"The sender's address or network: 192.0.2.7, 10.0.0.0/8."`
	Path       []string `yaml:"path" doc:"The file they were read from, with * and ?: /var/log/*.log."`
	Program    []string `yaml:"program" doc:"The program that wrote them (process.name)."`
	Match      string   `yaml:"match" doc:"A regular expression (RE2) that is found in the message."`
	Collection []string `yaml:"collection" doc:"The collection that their sender named."`
}

// Validate says which key is wrong.
func (r *Route) Validate() error {
	switch {
	case r.Collection != "" && !receive.ValidCollection(r.Collection):
		return config.Wrong("collection", "%q is not a name; 1 to 64 of a-z 0-9 _ . -", r.Collection)
	case r.Override && r.Collection == "":
		return config.Wrong("override", "needs a collection")
	}
	for name := range r.Fields {
		if name == "" || name[0] == '_' {
			return config.Wrong("fields", "%q is not the name of a field; names that start with _ are reserved", name)
		}
	}
	return nil
}

// Validate says which key is wrong.
func (w *When) Validate() error {
	var errs []error
	for _, s := range w.Sender {
		if _, err := network(s); err != nil {
			errs = append(errs, config.Wrong("sender", "%v", err))
		}
	}
	for _, p := range w.Path {
		if _, err := path.Match(p, ""); err != nil {
			errs = append(errs, config.Wrong("path", "%q is not a pattern; e.g. /var/log/*.log", p))
		}
	}
	for _, p := range w.Port {
		if p < 1 || p > 65535 {
			errs = append(errs, config.Wrong("port", "%d is no port; from 1 to 65535", p))
		}
	}
	if _, err := regexp.Compile(w.Match); err != nil {
		errs = append(errs, config.Wrong("match", "%v", err))
	}
	return errors.Join(errs...)
}

// network reads an address or a network.
func network(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is neither an address nor a network; e.g. 192.0.2.7 or 10.0.0.0/8", text)
	}
	return prefix.Masked(), nil
}
