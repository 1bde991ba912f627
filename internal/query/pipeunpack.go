package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// unpackPipe takes the fields out of a field's text: a JSON object, where objects
// within become dotted names, name=value pairs, or a line of syslog. What is none is
// left alone.
type unpackPipe struct {
	kind      string // unpack_json, unpack_logfmt or unpack_syslog
	condition filter
	from      string
	fields    []string // patterns; none stands for all
	prefix    string   // of the names it writes
	keep      bool
	skipEmpty bool
	zone      syslogZone // of times of syslog that name none
}

// maxUnpacked bounds how many fields the objects of one chunk may have together:
// each takes a column.
const maxUnpacked = 2000

func (p *parser) unpack(kind string) pipe {
	u := &unpackPipe{kind: kind, condition: p.condition(), from: llama.NameMessage}
	u.zone.now = p.moment()
	if p.accept("from") || !p.atEnd() && !p.is("fields", "offset", "result_prefix", "keep_original_fields", "skip_empty_results") {
		u.from = p.fieldName()
	}
	if kind == "unpack_syslog" {
		if p.accept("offset") {
			u.zone.offset = p.offset()
		}
	} else if p.accept("fields") {
		u.fields = p.names(p.fieldPattern)
	}
	if slices.Contains(u.fields, "*") {
		u.fields = nil
	}
	if p.accept("result_prefix") {
		u.prefix = p.compound("a prefix", stopToken)
	}
	u.keep, u.skipEmpty = p.overwrite()
	return u
}

func (u *unpackPipe) write(b *strings.Builder) {
	b.WriteString(u.kind + conditionText(u.condition))
	if u.from != llama.NameMessage {
		b.WriteString(" from " + quote(u.from))
	}
	if len(u.fields) > 0 {
		b.WriteString(" fields (" + quoteAll(u.fields, quoteField, ", ") + ")")
	}
	if u.zone.offset.text != "" {
		b.WriteString(" offset " + quoteNumber(u.zone.offset.text))
	}
	if u.prefix != "" {
		b.WriteString(" result_prefix " + quote(u.prefix))
	}
	b.WriteString(overwriteText(u.keep, u.skipEmpty))
}

// An unpacked is an object's fields and the targets they go to, each with the
// code of its text there.
type unpacked struct {
	done    bool
	fields  []llama.Field
	targets []*target
	codes   []uint32
}

func (u *unpackPipe) apply(c *chunk) error {
	sel, _ := c.updated(u.condition)
	source := c.column(u.from)
	ofNothing := u.kind == "unpack_logfmt" && len(u.fields) > 0 // of no text the named fields are empty
	if c.err != nil || source == nil && !ofNothing {
		return c.err
	}
	if source == nil {
		source = &column.Column{Codes: make([]uint32, c.rows)}
	}
	targets := map[string]*target{}
	objects := make([]unpacked, len(source.Values)+1)
	for _, r := range sel {
		code := source.Codes[r]
		o := &objects[code]
		if !o.done {
			o.done = true
			if code != 0 {
				u.read(o, source.Values[code-1])
			} else if ofNothing {
				u.read(o, "")
			}
			if err := u.aim(c, o, targets); err != nil {
				return err
			}
		}
		for i, t := range o.targets {
			o.codes[i] = t.assign(r, o.fields[i].Value, o.fields[i].Kind, o.codes[i])
		}
	}
	for _, name := range sortedNames(targets) {
		targets[name].close(c)
	}
	return c.err
}

// read decodes an object and keeps the fields that are asked for. One that is
// named and not there is empty, and all named ones are of an object that is broken.
func (u *unpackPipe) read(o *unpacked, text string) {
	var fields []llama.Field
	switch u.kind {
	case "unpack_logfmt":
		fields = logfmtFields(text)
	case "unpack_syslog":
		fields = u.zone.fields(text)
	default:
		var err error
		if fields, err = llama.AppendFields(nil, text); err != nil {
			if !strings.HasPrefix(text, "{") {
				return // it was not meant to be an object
			}
			fields = nil
		}
	}
	if len(u.fields) > 0 {
		fields = slices.DeleteFunc(fields, func(f llama.Field) bool { return !matchAnyField(u.fields, f.Name) })
		for _, name := range u.fields {
			there := slices.ContainsFunc(fields, func(f llama.Field) bool { return f.Name == name })
			if !there && !strings.HasSuffix(name, "*") {
				fields = append(fields, llama.Field{Name: name})
			}
		}
	}
	o.fields = fields
}

// aim finds the target of each field, or opens one.
func (u *unpackPipe) aim(c *chunk, o *unpacked, targets map[string]*target) error {
	for _, f := range o.fields {
		t := targets[f.Name]
		if t == nil {
			if len(targets) == maxUnpacked {
				return llama.Errorf(llama.TooLarge, "%s finds more than %d different fields; say which with `fields (a, b*)`", u.kind, maxUnpacked)
			}
			t = &target{name: u.prefix + f.Name, keep: u.keep, skipEmpty: u.skipEmpty}
			t.open(c, false)
			if c.err != nil {
				return c.err
			}
			targets[f.Name] = t
		}
		o.targets = append(o.targets, t)
	}
	o.codes = make([]uint32, len(o.fields))
	return nil
}

func sortedNames(targets map[string]*target) []string {
	names := make([]string, 0, len(targets))
	for name := range targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
