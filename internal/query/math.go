package query

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// mathPipe writes the results of expressions over fields. A field that is no
// number counts as NaN.
type mathPipe struct{ results []mathResult }

type mathResult struct {
	expr *expr
	to   string
}

// An expr is a number, a field, or an operation on others.
type expr struct {
	op    string // "" for a number or a field
	args  []*expr
	text  string // of a number, as written
	value float64
	field string
}

// binding says which operators bind tighter: those with the lower number.
var binding = map[string]int{
	"^": 1, "*": 2, "/": 2, "%": 2, "+": 3, "-": 3, "&": 4, "xor": 5, "or": 6, "default": 10,
}

// mathFuncs holds how many arguments each function takes.
var mathFuncs = map[string][2]int{
	"abs": {1, 1}, "exp": {1, 1}, "ln": {1, 1}, "ceil": {1, 1}, "floor": {1, 1},
	"round": {1, 2}, "min": {2, maxTerms}, "max": {2, maxTerms}, "now": {0, 0},
}

const stopMath = "=+-*/%^,()|!&"

func (p *parser) math() pipe {
	m := &mathPipe{}
	for {
		e := p.expr(10)
		to := e.String()
		if p.is("=") {
			p.fail(`unexpected "="; the name of the result stands behind: a + b as x`)
		}
		if !p.atEnd() && !p.is(",") {
			p.accept("as")
			to = p.fieldName()
		}
		m.results = append(m.results, mathResult{e, to})
		if !p.accept(",") {
			return m
		}
	}
}

// expr reads operands joined by operators that bind at least as tight as loosest.
func (p *parser) expr(loosest int) *expr {
	left := p.operand()
	for p.err == nil {
		op := p.tok().lower
		strength, ok := binding[op]
		if !ok || strength > loosest {
			break
		}
		p.next()
		left = &expr{op: op, args: []*expr{left, p.expr(strength - 1)}}
	}
	return left
}

func (p *parser) operand() *expr {
	defer p.leave()
	if !p.enter() {
		return &expr{}
	}
	switch {
	case p.accept("("):
		e := p.expr(10)
		p.expect(")", "in an expression")
		return e
	case p.accept("-"):
		return &expr{op: "minus", args: []*expr{p.operand()}}
	case p.accept("+"):
		return p.operand()
	}
	if _, ok := mathFuncs[p.tok().lower]; ok && p.follows("(") {
		return p.mathCall()
	}
	pos, word := p.tok().pos, p.tok().text
	text := p.compound("a number, a field or a function", stopMath)
	if p.is("(") && !p.tok().spaced && p.err == nil {
		names := slices.Sorted(maps.Keys(mathFuncs))
		p.failAt(pos, near(word, names), "there is no function %q; there are %s", text, strings.Join(names, ", "))
	}
	if startsNumber(text) {
		f, ok := parseScalar(text)
		if !ok && p.err == nil {
			p.failAt(pos, nil, "%q is no number", text)
		}
		return &expr{text: text, value: f}
	}
	return &expr{field: canonical(text)}
}

func (p *parser) mathCall() *expr {
	name, pos := p.tok().lower, p.tok().pos
	p.next()
	e := &expr{op: name}
	p.list(func() { e.args = append(e.args, p.expr(10)) })
	if takes := mathFuncs[name]; p.err == nil && (len(e.args) < takes[0] || len(e.args) > takes[1]) {
		p.failAt(pos, nil, "%s(…) has %d arguments; it takes %d to %d", name, len(e.args), takes[0], takes[1])
	}
	if name == "now" {
		e = &expr{op: "now", value: float64(p.moment())}
	}
	return e
}

func (m *mathPipe) write(b *strings.Builder) {
	for i, r := range m.results {
		if i > 0 {
			b.WriteString(", ")
		} else {
			b.WriteString("math ")
		}
		_, binary := binding[r.expr.op]
		text := r.expr.String()
		if binary {
			text = "(" + text + ")"
		}
		b.WriteString(text + " as " + quote(r.to))
	}
}

func (e *expr) String() string {
	if e.op == "" && e.field != "" {
		return quoteMath(e.field)
	}
	strength, binary := binding[e.op]
	switch {
	case e.op == "":
		return quoteMathNumber(e.text)
	case binary:
		left, right := e.args[0].String(), e.args[1].String()
		if s, ok := binding[e.args[0].op]; ok && s > strength {
			left = "(" + left + ")"
		}
		if s, ok := binding[e.args[1].op]; ok && s >= strength {
			right = "(" + right + ")"
		}
		return left + " " + e.op + " " + right
	case e.op == "minus":
		arg := e.args[0].String()
		if _, ok := binding[e.args[0].op]; ok {
			arg = "(" + arg + ")"
		}
		return "-" + arg
	}
	args := make([]string, len(e.args))
	for i, a := range e.args {
		args[i] = a.String()
	}
	return e.op + "(" + strings.Join(args, ", ") + ")"
}

// quoteMath also quotes the names that mean something in an expression.
func quoteMath(name string) string {
	_, op := binding[strings.ToLower(name)]
	_, fn := mathFuncs[strings.ToLower(name)]
	if q := quote(name); !op && !fn || q != name {
		return q
	}
	return `"` + name + `"`
}

func quoteMathNumber(s string) string {
	if strings.ContainsAny(s, stopMath) {
		return `"` + s + `"`
	}
	return quoteNumber(s)
}

func (m *mathPipe) apply(c *chunk) error {
	for _, r := range m.results {
		values := r.expr.eval(c)
		t := &target{name: r.to}
		t.open(c, true)
		last, code := math.NaN(), uint32(0)
		for i, row := range c.sel {
			if values[i] != last || code == 0 {
				last, code = values[i], 0
			}
			kind := llama.Number
			if math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
				kind = llama.String // JSON has no such number
			}
			code = t.assign(row, formatFloat(values[i]), kind, code)
		}
		t.close(c)
	}
	return c.err
}

// eval returns the value of each row that is in.
func (e *expr) eval(c *chunk) []float64 {
	switch {
	case e.op == "now" || e.op == "" && e.field == "":
		out := make([]float64, len(c.sel))
		for i := range out {
			out[i] = e.value
		}
		return out
	case e.op == "":
		return e.evalField(c, make([]float64, len(c.sel)))
	}
	args := make([][]float64, len(e.args))
	for i, a := range e.args {
		args[i] = a.eval(c)
	}
	row := make([]float64, len(args))
	out := make([]float64, len(c.sel)) // behind the arguments: long sums hold few lists at a time
	for i := range out {
		for j := range args {
			row[j] = args[j][i]
		}
		out[i] = calculate(e.op, row)
	}
	return out
}

func (e *expr) evalField(c *chunk, out []float64) []float64 {
	if times := c.clock(e.field); times != nil {
		for i, r := range c.sel {
			out[i] = float64(times[r])
		}
		return out
	}
	value := c.values(e.field)
	last, number := "", math.NaN()
	for i, r := range c.sel {
		if text := value(r); text != last {
			f, ok := parseScalar(text)
			if !ok {
				f = math.NaN()
			}
			last, number = text, f
		}
		out[i] = number
	}
	return out
}

func calculate(op string, v []float64) float64 {
	switch op {
	case "+":
		return v[0] + v[1]
	case "-":
		return v[0] - v[1]
	case "*":
		return v[0] * v[1]
	case "/":
		return v[0] / v[1]
	case "%":
		return math.Mod(v[0], v[1])
	case "^":
		return math.Pow(v[0], v[1])
	case "&", "or", "xor":
		return bitwise(op, v[0], v[1])
	case "default":
		if math.IsNaN(v[0]) {
			return v[1]
		}
		return v[0]
	case "minus":
		return -v[0]
	case "abs":
		return math.Abs(v[0])
	case "exp":
		return math.Exp(v[0])
	case "ln":
		return math.Log(v[0])
	case "ceil":
		return math.Ceil(v[0])
	case "floor":
		return math.Floor(v[0])
	case "round":
		return round(v)
	}
	v = slices.DeleteFunc(v, math.IsNaN) // min and max of what is a number
	switch {
	case len(v) == 0:
		return math.NaN()
	case op == "max":
		return slices.Max(v)
	}
	return slices.Min(v)
}

func bitwise(op string, a, b float64) float64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.NaN()
	}
	x, y := bitsOf(a), bitsOf(b)
	switch op {
	case "&":
		return float64(x & y)
	case "or":
		return float64(x | y)
	}
	return float64(x ^ y)
}

func bitsOf(f float64) uint64 {
	if f < 0 {
		return uint64(int64(math.Max(f, math.MinInt64)))
	}
	return uint64(math.Min(f, 1<<63))
}

// round rounds to an integer, or to the nearest multiple of the second value.
func round(v []float64) float64 {
	if len(v) == 1 {
		return math.Round(v[0])
	}
	if math.IsInf(v[0], 0) {
		return math.NaN()
	}
	f := math.Round(v[0]/v[1]) * v[1]
	// 272 × 0.01 is 2.72 with a tail of rounding, which its decimals cut off.
	if _, decimals, ok := strings.Cut(formatFloat(v[1]), "."); ok && len(decimals) < 16 {
		scale := math.Pow(10, float64(len(decimals)))
		f = math.Round(f*scale) / scale
	}
	return f
}
