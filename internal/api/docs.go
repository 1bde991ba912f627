package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// What huma cannot read from the types of streams is described here.

func schemaOf[T any](s *Server) *huma.Schema {
	t := reflect.TypeFor[T]()
	return s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

func (s *Server) rowsDocs(o huma.Operation) huma.Operation {
	o.Description = "json answers one page. ndjson and csv answer a file of all rows (from offset on, at most limit), as they are at that moment; when it cannot be completed, the connection breaks. csv is RFC 4180 with a header line."
	o.Responses = map[string]*huma.Response{"200": {
		Description: "The rows",
		Headers: map[string]*huma.Param{
			"Content-Disposition": {Description: "A file's name, for ndjson and csv.", Schema: &huma.Schema{Type: huma.TypeString}},
		},
		Content: map[string]*huma.MediaType{
			"application/json":     {Schema: schemaOf[RowPage](s)},
			"application/x-ndjson": {Schema: schemaOf[Row](s)},
			"text/csv":             {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}}
	return o
}

func (s *Server) queryEventDocs(o huma.Operation) huma.Operation {
	o.Description = "Sends what is known, then what changes, and ends with end. The id of rows counts them, so a peer that comes back with Last-Event-ID need not be sent again what it has."
	return eventDocs(o,
		eventSchema("state", "The query, at first and whenever its state or a task's changes.", schemaOf[Query](s)),
		eventSchema("progress", "How far it is.", schemaOf[Progress](s)),
		eventSchema("rows", "Rows as they are known.", schemaOf[Rows](s)),
		eventSchema("end", "The last event; without it the stream has broken, and should be asked for again.", schemaOf[End](s)))
}

func (s *Server) tailEventDocs(o huma.Operation) huma.Operation {
	return eventDocs(o,
		eventSchema("rows", "Events that match, as they arrive.", schemaOf[TailRows](s)),
		eventSchema("lost", "Events were left out.", schemaOf[Lost](s)),
		eventSchema("stopped", "A node follows no longer; the others go on.", schemaOf[Stopped](s)),
		eventSchema("end", "The last event; without it the stream has broken, and should be asked for again.", schemaOf[End](s)))
}

func eventDocs(o huma.Operation, events ...*huma.Schema) huma.Operation {
	o.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
			Type: huma.TypeArray, Items: &huma.Schema{OneOf: events},
			Description: "One item for each server-sent event; data is one line of JSON.",
		}}},
	}}
	return o
}

func eventSchema(name, description string, data *huma.Schema) *huma.Schema {
	return &huma.Schema{
		Title: "Event " + name, Description: description, Type: huma.TypeObject, Required: []string{"event", "data"},
		Properties: map[string]*huma.Schema{
			"event": {Type: huma.TypeString, Enum: []any{name}},
			"id":    {Type: huma.TypeString},
			"data":  data,
		},
	}
}
