package parse

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

var errOtherStart = errors.New("the message starts with other text than the schema")

// missing is the error for a field that a step reads and an event lacks. A step
// that reads a name of the module's own, which begins with ~, is passed over.
func missing(name string) error {
	if name[0] == '~' {
		return nil
	}
	return &missingError{name}
}

type missingError struct{ name string }

func (e *missingError) Error() string { return "there is no field " + e.name }

// settable reports why a parser may not set the field called name; the reserved
// ones belong to the archive.
func settable(name string) error {
	switch name {
	case "":
		return errors.New("a field needs a name")
	case llama.NameTime, llama.NameID, llama.NameSeq, llama.NameSource, llama.NameCollection, llama.NameIngested:
		return fmt.Errorf("%s is not set by name; for the time use the step date", name)
	}
	return nil
}

// A valueType says what text a value may be and what becomes of it.
type valueType uint8

const (
	typeAny valueType = iota
	typeNumber
	typeBool
	typeIP
	typeDuration
	typeAddress
	typeLower
	typeURL
)

var typeNames = []string{typeNumber: "number", typeBool: "bool", typeIP: "ip", typeDuration: "duration", typeAddress: "address", typeLower: "lower", typeURL: "url"}

func typeNamed(name string) (valueType, error) {
	for i, n := range typeNames {
		if n == name {
			return valueType(i), nil
		}
	}
	hint := "one of " + strings.Join(typeNames[1:], ", ")
	if near := config.Near(name, typeNames[1:]); near != "" {
		hint = strconv.Quote(near) + "?"
	}
	return 0, fmt.Errorf("unknown type %q; %s", name, hint)
}

// accepts reports whether s can be a value of the type.
func (t valueType) accepts(s string) bool {
	switch t {
	case typeNumber:
		return llama.IsNumber(s)
	case typeBool:
		return s == "true" || s == "false"
	case typeIP:
		return isIP(s)
	case typeDuration:
		_, ok := duration(s)
		return ok
	}
	return true
}

// convert returns the value and kind of accepted text.
func (t valueType) convert(s string) (string, llama.Kind) {
	switch t {
	case typeNumber:
		return s, llama.Number
	case typeBool:
		return s, llama.Bool
	case typeLower:
		return lower(s), llama.String
	case typeDuration:
		d, _ := duration(s)
		return strconv.FormatInt(int64(d), 10), llama.Number
	}
	return s, llama.String
}

// lower is strings.ToLower without memory for what firewalls write most.
func lower(s string) string {
	switch s {
	case "TCP":
		return "tcp"
	case "UDP":
		return "udp"
	case "ICMP":
		return "icmp"
	}
	return strings.ToLower(s)
}

// isIP reports whether s is an IPv4 or IPv6 address, without a zone.
func isIP(s string) bool {
	if len(s) < 2 || len(s) > 45 {
		return false
	}
	part, digits, dots := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			part = part*10 + int(c-'0')
			if digits++; digits > 3 || part > 255 {
				return isIPv6(s)
			}
		case c == '.' && digits > 0:
			part, digits = 0, 0
			dots++
		default:
			return isIPv6(s)
		}
	}
	return dots == 3 && digits > 0
}

// ipv4Len returns the length of the IPv4 address that s starts with, as isIP takes it,
// 0 for none. A digit may not follow.
func ipv4Len(s string) int {
	at := 0
	for dots := 0; ; dots++ {
		part, start := 0, at
		for at < len(s) && isDigit(s[at]) {
			part = part*10 + int(s[at]-'0')
			if at++; at-start > 3 {
				return 0
			}
		}
		switch {
		case at == start || part > 255:
			return 0
		case dots == 3:
			return at
		case at == len(s) || s[at] != '.':
			return 0
		}
		at++
	}
}

func isIPv6(s string) bool {
	colon := strings.IndexByte(s, ':')
	if colon < 0 || strings.IndexByte(s[:colon], '.') >= 0 {
		return false // an address and a port; dots stand behind the colons of IPv6
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// duration reads 1:02:03, 02:03, 1h:02m:03s, 1d2h, 1h2m3s or 5ms.
func duration(s string) (time.Duration, bool) {
	if strings.IndexByte(s, ':') < 0 {
		d, err := config.ParseDuration(s)
		return d, err == nil
	}
	total, parts := time.Duration(0), 0
	for more := true; more; {
		n := digitsLen(s)
		if parts++; n == 0 || n > 9 || parts > 3 {
			return 0, false
		}
		count := time.Duration(0)
		for _, digit := range []byte(s[:n]) {
			count = count*10 + time.Duration(digit-'0')
		}
		total = total*60 + count
		for s = s[n:]; s != "" && (s[0] == 'h' || s[0] == 'm' || s[0] == 's'); {
			s = s[1:]
		}
		if more = s != ""; more && s[0] != ':' {
			return 0, false
		}
		s = s[min(1, len(s)):]
	}
	return total * time.Second, true
}

// number reads a JSON number.
func number(s string) (float64, bool) {
	if !llama.IsNumber(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}
