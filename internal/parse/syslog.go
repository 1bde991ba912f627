package parse

import (
	"errors"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// The names that a syslog header gives to an event.
const (
	fieldHost           = "host.name"
	fieldProcess        = "process.name"
	fieldPID            = "process.pid"
	fieldPriority       = "log.syslog.priority"
	fieldFacility       = "log.syslog.facility.code"
	fieldFacilityName   = "log.syslog.facility.name"
	fieldSeverity       = "log.syslog.severity.code"
	fieldSeverityName   = "log.syslog.severity.name"
	fieldVersion        = "log.syslog.version"
	fieldProcID         = "log.syslog.procid" // only where it is no number
	fieldMsgID          = "log.syslog.msgid"
	fieldLogger         = "log.logger"
	fieldLevel          = "log.level"
	fieldRelay          = "log.syslog.relay" // who passed the event on, if it says so
	fieldStructuredData = "log.syslog.structured_data."
)

var facilityNames = [24]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "security", "console", "solaris-cron",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var severityNames = [8]string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}

// priorityBlocks are the fields that each priority gives, for nearly every event has
// them.
var priorityBlocks = func() (all [192]*fieldBlock) {
	for code := range all {
		facility, severity := code>>3, code&7
		all[code] = newFieldBlock([]llama.Field{
			{Name: fieldPriority, Value: strconv.Itoa(code), Kind: llama.Number},
			{Name: fieldFacility, Value: strconv.Itoa(facility), Kind: llama.Number},
			{Name: fieldFacilityName, Value: facilityNames[facility]},
			{Name: fieldSeverity, Value: strconv.Itoa(severity), Kind: llama.Number},
			{Name: fieldSeverityName, Value: severityNames[severity]},
		})
	}
	return all
}()

// The other fields of a header.
var (
	slotHost    = slotOf(fieldHost)
	slotProcess = slotOf(fieldProcess)
	slotPID     = slotOf(fieldPID)
	slotSyslog  = slotOf(fieldVersion)
	slotProcID  = slotOf(fieldProcID)
	slotMsgID   = slotOf(fieldMsgID)
	slotLogger  = slotOf(fieldLogger)
	slotLevel   = slotOf(fieldLevel)
	slotRelay   = slotOf(fieldRelay)
)

var errNoHeader = errors.New("no syslog header: neither a priority such as <13> nor a time")

// StepSyslog takes off the header that syslog put before a message.
var StepSyslog = Step{
	Name: "syslog",
	Doc: "Takes the syslog header off the message and into fields: RFC 5424 with structured data, RFC 3164 as devices " +
		"really send it (ISO times, years, Cisco's sequence numbers and clock marks, no host, no time, no tag), and the time formats of rsyslog files. " +
		"The message is all behind the header, blanks too; only of RFC 5424 one that begins with a single blank loses it, for rsyslog leaves it in.",
	Options: syslogOptions{},
	make:    build(syslogOptions{}, newSyslog),
	Examples: []StepExample{
		{
			Raw:  `<38>Mar  7 09:15:02 gate sshd[812]: Connection closed`,
			Want: `{"log.syslog.priority":38,"log.syslog.facility.code":4,"log.syslog.facility.name":"auth","log.syslog.severity.code":6,"log.syslog.severity.name":"informational","host.name":"gate","process.name":"sshd","process.pid":812,"_msg":"Connection closed"}`,
		},
		{
			Raw:  `<165>1 2026-03-07T09:15:02.5+01:00 app1 shop 77 order [o@32473 id="7" note="a \"b\""] placed`,
			Want: `{"log.syslog.priority":165,"log.syslog.facility.code":20,"log.syslog.facility.name":"local4","log.syslog.severity.code":5,"log.syslog.severity.name":"notice","log.syslog.version":"1","host.name":"app1","process.name":"shop","process.pid":77,"log.syslog.msgid":"order","log.syslog.structured_data.o@32473.id":"7","log.syslog.structured_data.o@32473.note":"a \"b\"","_msg":"placed"}`,
		},
		{
			Raw:  `<189>412: *Mar  7 09:15:02.411: %SYS-5-CONFIG_I: Configured from console`,
			Want: `{"log.syslog.priority":189,"log.syslog.facility.code":23,"log.syslog.facility.name":"local7","log.syslog.severity.code":5,"log.syslog.severity.name":"notice","_msg":"%SYS-5-CONFIG_I: Configured from console"}`,
		},
		{Raw: `just words`, Err: errNoHeader.Error()},
	},
}

type syslogOptions struct {
	Optional bool `yaml:"optional" doc:"Do nothing when there is no header, or when a parser before took it off."`
}

type syslogStep struct {
	clock
	optional bool
}

func newSyslog(o syslogOptions, v *env) (step, error) {
	return &syslogStep{clock: v.clock, optional: o.Optional}, nil
}

func (s *syslogStep) run(w *work) error {
	if s.optional {
		if w.at(&slotProcess) != nil || !looksLikeSyslog(w.e.Message) {
			return nil
		}
	}
	var h header
	if !h.read(w.e.Message) {
		if s.optional {
			return nil
		}
		return errNoHeader
	}
	h.apply(w, s.clock)
	return nil
}

// A header is what a syslog header says. Its strings are parts of the message.
type header struct {
	code       int // the priority; -1 without
	hasTime    bool
	stamp      stamp
	version    string
	host       string
	relay      string
	process    string
	pid        string
	logger     string // what a process logs for, behind its tag
	level      string // a level between host and tag
	msgID      string
	structured string // the elements of structured data, checked
	message    string
}

// read reads any header; false when there is none at all.
func (h *header) read(s string) bool {
	n := h.readPriority(s)
	rest := s[n:]
	if n > 0 && h.read5424(rest) {
		return true
	}
	if n > 0 && len(rest) > 2 && isDigit(rest[0]) && rest[1] == ' ' {
		// A device that means RFC 5424 and leaves parts out: VERSION TIME HOST text.
		next := *h
		if next.read3164(rest[2:]) && next.hasTime {
			*h, h.version = next, rest[:1]
			return true
		}
	}
	return h.read3164(rest) || n > 0
}

// readPriority reads <134>. A number that is no priority is left in the message.
func (h *header) readPriority(s string) int {
	h.code = -1
	if len(s) < 3 || s[0] != '<' {
		return 0
	}
	code := 0
	for i := 1; i < len(s) && i < 5; i++ {
		switch c := s[i]; {
		case isDigit(c) && i < 4:
			code = code*10 + int(c-'0')
		case c == '>' && i > 1 && code <= 191:
			h.code = code
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// canonicalNumber drops the zeros before a whole number, which JSON does not
// allow.
func canonicalNumber(s string) string {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}

// apply writes the header into the event.
func (h *header) apply(w *work, c clock) {
	if h.hasTime {
		w.e.Time = c.time(&h.stamp, w.e.Ingested)
	}
	h.fill(w)
	if h.structured != "" {
		applyStructured(w, h.structured)
	}
	w.e.Message = h.message
}

// fill sets the header's fields, but those of structured data.
func (h *header) fill(w *work) {
	if h.code >= 0 {
		priorityBlocks[h.code].run(w)
	}
	fillFound(w, &slotSyslog, h.version)
	fillFound(w, &slotRelay, h.relay)
	fillFound(w, &slotHost, h.host)
	fillFound(w, &slotProcess, h.process)
	switch {
	case h.pid == "":
	case allDigits(h.pid):
		w.fill(&slotPID, canonicalNumber(h.pid), llama.Number)
	default:
		w.fill(&slotProcID, h.pid, llama.String)
	}
	fillFound(w, &slotLogger, h.logger)
	fillFound(w, &slotLevel, h.level)
	fillFound(w, &slotMsgID, h.msgID)
}

func fillFound(w *work, s *slot, value string) {
	if value != "" {
		w.fill(s, value, llama.String)
	}
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// looksLikeSyslog reports whether a message begins as a syslog header does. It is
// strict where the header has no priority: many programs begin their own lines
// with a time, and only a time with a host and a tag behind it is taken for one.
func looksLikeSyslog(s string) bool {
	if len(s) < 3 {
		return false
	}
	var h header
	switch c := s[0]; {
	case c == '<':
		return h.readPriority(s) > 0
	case isDigit(c):
		return len(s) > 20 && s[10] == 'T' && h.read3164(s) && h.convincing()
	case isLetter(c):
		return monthOf(s) > 0 && h.read3164(s) && h.hasTime &&
			(h.host != "" || h.process != "" || strings.HasPrefix(h.message, "%"))
	}
	return false
}

// convincing reports whether host and tag look like those of syslog rather than
// like the level and logger of an application's own format.
func (h *header) convincing() bool {
	if h.host == "" || h.process == "" {
		return false
	}
	switch strings.ToUpper(h.host) {
	case "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "CRITICAL", "FATAL", "SEVERE":
		return false
	}
	return true
}
