package central_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A route is one operation, as central's own description of its API has it. So one
// that is added is tried like all others.
type route struct {
	method, path string
	ID           string           `json:"operationId"`
	Security     []map[string]any `json:"security"` // none: for anybody
	Parameters   []struct {
		Name   string `json:"name"`
		In     string `json:"in"`
		Schema schema `json:"schema"`
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`

	schemas map[string]schema
}

// A schema says what JSON is wanted somewhere.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"` // a list, where null will do as well
	Format     string            `json:"format"`
	Encoding   string            `json:"contentEncoding"`
	Enum       []any             `json:"enum"`
	Examples   []any             `json:"examples"`
	Default    any               `json:"default"`
	Minimum    float64           `json:"minimum"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
}

// routes reads the description from central.
func (h *house) routes() []route {
	h.t.Helper()
	resp, err := http.Get(h.url + "/api/v1/openapi.json")
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var document struct {
		Paths      map[string]map[string]route `json:"paths"`
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&document); err != nil {
		h.t.Fatal(err)
	}
	var all []route
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(document.Paths[path])) {
			r := document.Paths[path][method]
			r.method, r.path, r.schemas = strings.ToUpper(method), path, document.Components.Schemas
			all = append(all, r)
		}
	}
	if len(all) < 50 {
		h.t.Fatalf("central describes %d routes only", len(all))
	}
	return all
}

// at returns the route's path with a text in its places, "" for what fits there.
func (r route) at(t *testing.T, text string) string {
	t.Helper()
	path := "/api/v1" + r.path
	for _, p := range r.Parameters {
		fits := "local"
		if p.Schema.Format == "uuid" {
			fits = "00000000-0000-4000-8000-000000000000"
		}
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", cmp.Or(url.PathEscape(text), fits))
		}
	}
	if strings.Contains(path, "{") {
		t.Fatalf("%s does not say what goes into its places", r.path)
	}
	return path
}

// body returns what the route wants to be sent, nil for nothing.
func (r route) body() *schema {
	for _, content := range r.RequestBody.Content {
		s := r.resolved(content.Schema)
		return &s
	}
	return nil
}

func (r route) resolved(s schema) schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return r.schemas[name]
	}
	return s
}

func (s schema) kind() string {
	if list, ok := s.Type.([]any); ok {
		return fmt.Sprint(list[0])
	}
	return fmt.Sprint(s.Type)
}

// example makes a value that fits a schema: no more than it must have.
func (r route) example(s schema) any {
	s = r.resolved(s)
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Default != nil:
		return s.Default
	}
	switch s.kind() {
	case "object":
		made := map[string]any{}
		for _, name := range s.Required {
			made[name] = r.example(s.Properties[name])
		}
		return made
	case "array":
		return []any{r.example(*s.Items)}
	case "integer", "number":
		return s.Minimum
	case "boolean":
		return true
	}
	if s.Format == "password" {
		return "a password for a test"
	}
	if s.Encoding == "base64" {
		return "AAAA"
	}
	return "local"
}

// bodies gives emit an example for each text that a schema has a place for, with that
// text in it and all else as it should be.
func (r route) bodies(s schema, text string, emit func(place string, body any)) {
	s = r.resolved(s)
	switch s.kind() {
	case "object":
		for name, property := range s.Properties {
			r.bodies(property, text, func(place string, value any) {
				whole, ok := r.example(s).(map[string]any)
				if !ok {
					return
				}
				whole = maps.Clone(whole)
				whole[name] = value
				emit(name+"."+place, whole)
			})
		}
	case "array":
		r.bodies(*s.Items, text, func(place string, value any) { emit("[]."+place, []any{value}) })
	case "string":
		emit("", text)
	}
}

// An attempt is a request that should not get far.
type attempt struct {
	method, path, body string
	what               string // for who reads of it
}

func (a attempt) String() string {
	return fmt.Sprintf("%s %.120s %.120s with %s", a.method, a.path, a.body, a.what)
}

// with returns all attempts to give a route a text: in its path, its parameters and
// each place of its body.
func (r route) with(t *testing.T, text string) []attempt {
	t.Helper()
	var all []attempt
	if at := r.at(t, text); at != r.at(t, "") {
		all = append(all, attempt{r.method, at, "", "it in the path"})
	}
	for _, p := range r.Parameters {
		if p.In == "query" && p.Schema.kind() == "string" {
			all = append(all, attempt{r.method, r.at(t, "") + "?" + url.Values{p.Name: {text}}.Encode(), "", "it in " + p.Name})
		}
	}
	if s := r.body(); s != nil {
		r.bodies(*s, mark, func(place string, body any) {
			encoded, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, attempt{r.method, r.at(t, ""), strings.Replace(string(encoded), `"`+mark+`"`, quoted(text), 1), "it in " + place})
		})
	}
	return all
}

// mark stands in a body where a text goes.
const mark = "the text"

// quoted returns a text in JSON; of what is no UTF-8, the bytes as they are.
func quoted(text string) string {
	if encoded, err := json.Marshal(text); err == nil && utf8.ValidString(text) {
		return string(encoded)
	}
	return `"` + text + `"`
}
