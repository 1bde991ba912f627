package config

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds on a document, against files made to exhaust memory.
const (
	maxBytes = 4 << 20
	maxDepth = 50
	maxNodes = 200_000 // aliases count each time they are used
)

type nodeKind uint8

const (
	nullNode nodeKind = iota
	scalarNode
	mappingNode
	sequenceNode
)

// A Node is a part of a document that is decoded later: a struct field of type
// *Node takes whatever stands there.
type Node struct {
	file         string
	path         string
	line, column int
	kind         nodeKind
	scalar       string
	items        []*Node
	pairs        []Pair
}

// A Pair is a key and its value in a mapping.
type Pair struct {
	Key   string
	Value *Node
	at    *Node // where the key stands
}

// Pairs returns the keys and values of a mapping in their order, and nil when n
// is not a mapping.
func (n *Node) Pairs() []Pair { return n.pairs }

// Single returns the only pair of a mapping such as `grok: {...}`, or of a bare
// name (`json`), whose value is then null; false when n is neither.
func (n *Node) Single() (Pair, bool) {
	switch {
	case n.kind == mappingNode && len(n.pairs) == 1:
		return n.pairs[0], true
	case n.kind == scalarNode:
		null := &Node{file: n.file, path: n.path, line: n.line, column: n.column}
		return Pair{Key: n.scalar, Value: null, at: n}, true
	}
	return Pair{}, false
}

// Text returns the text of a scalar, and false when n is not one.
func (n *Node) Text() (string, bool) { return n.scalar, n.kind == scalarNode }

// reader turns the library's tree into Nodes.
type reader struct {
	file    string
	anchors map[string]ast.Node
	nodes   int
	err     *Error
}

// parse returns the document's tree, or nil when it is empty.
func parse(file string, data []byte) (*Node, error) {
	if len(data) > maxBytes {
		return nil, &Error{File: file, Problem: "larger than 4 MiB"}
	}
	// Repeated keys are allowed here so that the decoder reports them with the others.
	doc, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxError(file, err)
	}
	if len(doc.Docs) > 1 {
		at := doc.Docs[1].Start.Position
		return nil, &Error{File: file, Line: at.Line, Column: at.Column, Problem: "a second document; only one is read"}
	}
	if len(doc.Docs) == 0 || doc.Docs[0].Body == nil {
		return nil, nil
	}
	r := &reader{file: file, anchors: map[string]ast.Node{}}
	node := r.node(doc.Docs[0].Body, "", 0)
	if r.err != nil {
		return nil, r.err
	}
	return node, nil
}

// syntaxErrorHead is how the library begins its messages: [line:column] text.
var syntaxErrorHead = regexp.MustCompile(`^\[(\d+):(\d+)\] ([^\n]*)`)

func syntaxError(file string, err error) error {
	m := syntaxErrorHead.FindStringSubmatch(err.Error())
	if m == nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		return &Error{File: file, Problem: text}
	}
	line, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])
	return &Error{File: file, Line: line, Column: column, Problem: m[3]}
}

func (r *reader) fail(n *Node, format string, args ...any) {
	if r.err == nil {
		r.err = n.Errorf(format, args...)
	}
}

func (r *reader) node(from ast.Node, path string, depth int) *Node {
	n := &Node{file: r.file, path: path}
	if t := from.GetToken(); t != nil {
		n.line, n.column = t.Position.Line, t.Position.Column
	}
	r.nodes++
	switch {
	case depth > maxDepth:
		r.fail(n, "nested deeper than %d levels", maxDepth)
	case r.nodes > maxNodes:
		r.fail(n, "more than %d values", maxNodes)
	}
	if r.err != nil {
		return n
	}
	switch from := from.(type) {
	case *ast.NullNode:
	case *ast.AnchorNode:
		r.anchors[from.Name.String()] = from.Value
		return r.node(from.Value, path, depth+1)
	case *ast.AliasNode:
		target, ok := r.anchors[from.Value.String()]
		if !ok {
			r.fail(n, "alias *%s has no anchor before it", from.Value)
			return n
		}
		return r.node(target, path, depth+1)
	case *ast.TagNode:
		r.fail(n, "tag %s; tags are not used here", from.GetToken().Value)
	case *ast.MappingNode:
		r.mapping(n, from.Values, depth)
	case *ast.MappingValueNode:
		r.mapping(n, []*ast.MappingValueNode{from}, depth)
	case *ast.SequenceNode:
		n.kind = sequenceNode
		for i, item := range from.Values {
			n.items = append(n.items, r.node(item, path+"["+strconv.Itoa(i)+"]", depth+1))
		}
	case *ast.LiteralNode:
		n.kind, n.scalar = scalarNode, from.Value.Value
	case *ast.StringNode:
		n.kind, n.scalar = scalarNode, from.Value
	default:
		n.kind, n.scalar = scalarNode, from.GetToken().Value
	}
	return n
}

func (r *reader) mapping(n *Node, values []*ast.MappingValueNode, depth int) {
	n.kind = mappingNode
	for i, v := range values {
		key, err := keyText(v.Key)
		at := &Node{file: r.file, path: join(n.path, key)}
		if t := v.Key.GetToken(); t != nil {
			at.line, at.column = t.Position.Line, t.Position.Column
		}
		if err != nil {
			r.fail(at, "%v", err)
			return
		}
		if i == 0 {
			n.line, n.column = at.line, at.column
		}
		value := r.node(v.Value, at.path, depth+1)
		if value.line == 0 {
			value.line, value.column = at.line, at.column
		}
		n.pairs = append(n.pairs, Pair{Key: key, Value: value, at: at})
	}
}

func keyText(key ast.MapKeyNode) (string, error) {
	switch key := key.(type) {
	case *ast.StringNode:
		return key.Value, nil
	case *ast.MergeKeyNode:
		return "", errors.New("<< merges are not read; write the keys out")
	case *ast.MappingKeyNode:
		return "", errors.New("a key must be plain text")
	}
	return key.GetToken().Value, nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
