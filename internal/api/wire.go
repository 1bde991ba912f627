package api

import (
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// The types of this file are what goes over the wire; the OpenAPI document is
// printed from them.

// Session says who is signed in.
type Session struct {
	User               string    `json:"user" example:"admin" doc:"Name of the account."`
	Roles              []string  `json:"roles" nullable:"false" enum:"viewer,analyst,operator,admin" example:"[\"admin\"]" doc:"Roles granted on all targets."`
	Grants             []Grant   `json:"grants,omitempty" nullable:"false" doc:"All that was granted, on all targets, on some or on groups. What a grant on a group comes to is there too, with group and target, for each of its targets."`
	MustChangePassword bool      `json:"must_change_password" doc:"True until the first password is changed. All paths but those of the session answer 403 until then."`
	Expires            time.Time `json:"expires" doc:"When the session ends unless it is used before. Every use moves it."`
}

// SignedInSession is the answer to a sign-in.
type SignedInSession struct {
	Session
	Token string `json:"token,omitempty" doc:"For the header Authorization: Bearer. Browsers are not given one: theirs is in an HttpOnly cookie."`
}

// Credentials are what one signs in with.
type Credentials struct {
	User     string `json:"user" minLength:"1" maxLength:"128" example:"admin" doc:"Name of the account."`
	Password string `json:"password" minLength:"1" maxLength:"1024" format:"password" doc:"Its password."`
}

// PasswordChange replaces the password of who asks.
type PasswordChange struct {
	Old string `json:"old" minLength:"1" maxLength:"1024" format:"password" doc:"The password in force."`
	New string `json:"new" minLength:"1" maxLength:"1024" format:"password" doc:"The new one: 12 characters or more, not the old one, not the name."`
}

// Target is one site.
type Target struct {
	Name  string `json:"name" example:"local" doc:"The target's name, unique."`
	State string `json:"state" enum:"online,degraded,offline" doc:"online when all nodes are, degraded when some are."`
	Nodes []Node `json:"nodes" nullable:"false" doc:"Its nodes."`
}

// Node is one node of a target.
type Node struct {
	ID       string      `json:"id" example:"local-1" doc:"The node's id, unique over all targets."`
	State    string      `json:"state" enum:"online,offline" doc:"Whether it is connected."`
	LastSeen time.Time   `json:"last_seen,omitzero" doc:"When it was last heard of; absent when never."`
	Version  string      `json:"version,omitempty" example:"0.1.0" doc:"The version it runs."`
	Health   *NodeHealth `json:"health,omitempty" doc:"How it said it was; absent while it is offline."`
}

// NodeHealth is how a node is, as it says every few seconds.
type NodeHealth struct {
	State           string    `json:"state" enum:"good,wait,failing" doc:"failing: it takes no events; wait: there is something to see to soon."`
	Trouble         []Trouble `json:"trouble" nullable:"false" doc:"What there is to see to, the worst first; empty when all is well."`
	Started         time.Time `json:"started" doc:"When its process began."`
	LastEvent       time.Time `json:"last_event,omitzero" doc:"When events last came in, to some seconds; absent when none has since it started."`
	EventsPerSecond float64   `json:"events_per_second" doc:"Events that come in."`
	ArchiveBytes    int64     `json:"archive_bytes" doc:"What its segments take."`
	LogBytes        int64     `json:"log_bytes" doc:"What lies in the write-ahead log and not in segments yet."`
	FreeBytes       int64     `json:"free_bytes" doc:"Free disk under the archive."`
	TotalBytes      int64     `json:"total_bytes" doc:"Size of that disk."`
	ClockSkewMS     int64     `json:"clock_skew_ms" doc:"Milliseconds that its clock is ahead of central's, less what its message was under way."`
}

// The kinds of trouble.
const (
	TroubleFailing = "failing" // it takes no events
	TroubleDamage  = "damage"  // files of its archive cannot be read
	TroubleDisk    = "disk"    // little of it is free
	TroubleClock   = "clock"   // it is off
)

// Trouble is something that somebody has to see to at a node.
type Trouble struct {
	Kind string `json:"kind" enum:"failing,damage,disk,clock" doc:"What it is about."`
	Text string `json:"text" example:"its clock is 1h ahead of central's" doc:"It, in words."`
}

// Collection is one collection of one target.
type Collection struct {
	Name   string    `json:"name" example:"sshd" doc:"The collection's name."`
	Target string    `json:"target" example:"local" doc:"The target that holds it."`
	Events int64     `json:"events" example:"120000" doc:"How many events it holds."`
	Bytes  int64     `json:"bytes" example:"1048576" doc:"Their size on disk."`
	First  time.Time `json:"first,omitzero" doc:"Time of its earliest event; absent when it is empty."`
	Last   time.Time `json:"last,omitzero" doc:"Time of its latest event; absent when it is empty."`
	Age    string    `json:"age,omitempty" example:"90d" doc:"How long it is kept; where the target's nodes differ, each."`
	Size   int64     `json:"size,omitempty" doc:"How many bytes on disk it may have on all nodes; absent for any."`
}

// Statistics sums up what central knows.
type Statistics struct {
	Events      int64           `json:"events" doc:"Events on all nodes that were heard of."`
	Bytes       int64           `json:"bytes" doc:"Their size on disk."`
	Collections int64           `json:"collections" doc:"Collections, counted once for each target."`
	Queries     QueryStatistics `json:"queries" doc:"Queries central holds."`
	Nodes       NodeStatistics  `json:"nodes" doc:"Nodes central knows."`
	Ingest      Ingest          `json:"ingest" doc:"What is arriving now."`
}

// QueryStatistics counts queries.
type QueryStatistics struct {
	Total   int64 `json:"total" doc:"All that are kept."`
	Running int64 `json:"running" doc:"Not ended yet."`
	Failed  int64 `json:"failed" doc:"Ended without a complete answer."`
	Today   int64 `json:"today" doc:"Asked since midnight UTC."`
}

// NodeStatistics counts nodes.
type NodeStatistics struct {
	Online  int64 `json:"online" doc:"Connected."`
	Offline int64 `json:"offline" doc:"Known, but not connected."`
}

// Ingest is how fast events arrive.
type Ingest struct {
	EventsPerSecond float64 `json:"events_per_second" example:"1250.5" doc:"Averaged over the nodes' last reports and summed."`
}

// The states of a query and of a task. A query is in the state its tasks add up
// to: running while one is, partial when some answered and some did not.
const (
	Queued    = "queued"
	Delivered = "delivered"
	Running   = "running"
	Done      = "done"
	Partial   = "partial"
	Failed    = "failed"
	Refused   = "refused"
	Cancelled = "cancelled"
	Expired   = "expired"
)

// Ended reports whether a query or task in state will not change any more.
func Ended(state string) bool {
	switch state {
	case Queued, Delivered, Running:
		return false
	}
	return true
}

// Submission asks a query.
type Submission struct {
	Query    string   `json:"query" minLength:"1" maxLength:"65536" example:"_collection:sshd error | stats by (host.name) count() n" doc:"The query, in its language."`
	Language string   `json:"language,omitempty" enum:"logsql" default:"logsql" doc:"The language of the query."`
	Targets  []string `json:"targets,omitempty" nullable:"false" maxItems:"1000" uniqueItems:"true" example:"[\"local\"]" doc:"Names of the targets to ask; all that one may ask when absent."`
	From     string   `json:"from,omitempty" maxLength:"64" example:"now-15m" doc:"The earliest _time asked for: RFC 3339, a date, or relative to now: now-15m, -1h, -7d. Without it, from the beginning."`
	To       string   `json:"to,omitempty" maxLength:"64" example:"now" doc:"The time before which events are asked for, written as from. Without it, no end."`
	Limit    int64    `json:"limit,omitempty" minimum:"0" maximum:"10000000" example:"1000" doc:"The most rows wanted; 0 is the server's own limit."`
	Name     string   `json:"name,omitempty" maxLength:"200" example:"Failed logins" doc:"A name for people."`
	Deadline string   `json:"deadline,omitempty" maxLength:"64" example:"+1h" doc:"Until when nodes may answer, those too that are offline now: RFC 3339, or from now, as +1h. Without it, the server's own."`
}

// Query is a query that was asked: its state and what it stands on, target by
// target.
type Query struct {
	ID       string    `json:"id" format:"uuid" example:"8f14e45f-ceea-467f-9575-1b5d3d1f0c2a" doc:"The query's id."`
	Query    string    `json:"query" doc:"As it was asked; with across_targets, with the values that were found in it."`
	Normal   string    `json:"normal" doc:"In its normal form."`
	Name     string    `json:"name,omitempty" doc:"The name it was given."`
	Targets  []string  `json:"targets" nullable:"false" doc:"The targets asked."`
	User     string    `json:"user" example:"admin" doc:"Who asked."`
	State    string    `json:"state" enum:"queued,delivered,running,done,partial,failed,refused,cancelled,expired" doc:"What its tasks add up to. queued, delivered and running change; the others are final."`
	Created  time.Time `json:"created" doc:"When it was asked."`
	Started  time.Time `json:"started,omitzero" doc:"When the first node began; absent before."`
	Ended    time.Time `json:"ended,omitzero" doc:"When the last task ended; absent before."`
	Deadline time.Time `json:"deadline" doc:"Until when nodes may answer."`
	Expires  time.Time `json:"expires" doc:"When the query and its rows are removed."`
	From     time.Time `json:"from,omitzero" doc:"The earliest time asked for; absent when open."`
	To       time.Time `json:"to,omitzero" doc:"The time before which events were asked for; absent when open."`
	Limit    int64     `json:"limit" doc:"The most rows wanted; 0 is the server's own limit."`
	Rows     int64     `json:"rows" doc:"Rows there are so far."`
	Columns  []string  `json:"columns" nullable:"false" doc:"Names of the rows' fields, in the order to show them."`
	Tasks    []Task    `json:"tasks" nullable:"false" doc:"One for each node asked."`
	Error    string    `json:"error,omitempty" doc:"Why there is no complete answer, in one sentence."`
}

// Task is a query's part on one node.
type Task struct {
	Target     string    `json:"target" example:"local" doc:"The node's target."`
	Node       string    `json:"node" example:"local-1" doc:"The node's id."`
	State      string    `json:"state" enum:"queued,delivered,running,done,partial,failed,refused,cancelled,expired" doc:"queued until the node took it; partial when the node answered within its budget only."`
	Progress   float64   `json:"progress" minimum:"0" maximum:"1" doc:"The share of the work done."`
	EventsRead int64     `json:"events_read" doc:"Events looked at so far."`
	BytesRead  int64     `json:"bytes_read" doc:"Bytes read from disk so far."`
	Rows       int64     `json:"rows" doc:"Rows or groups the node has sent so far."`
	Error      string    `json:"error,omitempty" doc:"Why it did not end well, in one sentence."`
	Queued     time.Time `json:"queued" doc:"When it was addressed to the node."`
	Delivered  time.Time `json:"delivered,omitzero" doc:"When the node took it."`
	Started    time.Time `json:"started,omitzero" doc:"When the node began."`
	Ended      time.Time `json:"ended,omitzero" doc:"When it ended."`
}

// QueryPage is a part of the list of queries, newest first.
type QueryPage struct {
	Queries []Query `json:"queries" nullable:"false" doc:"The queries, newest first."`
	Next    string  `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

// RowPage is a part of a query's rows.
type RowPage struct {
	Rows     []Row `json:"rows" nullable:"false" doc:"The rows from offset on."`
	Total    int64 `json:"total" doc:"Rows there are so far."`
	Complete bool  `json:"complete" doc:"True when the query has ended: no row will be added."`
}

// Row is one flat JSON object: dotted field names, values of any JSON kind.
// It holds the encoded text.
type Row json.RawMessage

// MarshalJSON returns the text as it is.
func (r Row) MarshalJSON() ([]byte, error) { return r, nil }

// UnmarshalJSON keeps a copy of the text.
func (r *Row) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}

// Schema describes a row to the OpenAPI document.
func (Row) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type:                 huma.TypeObject,
		AdditionalProperties: true,
		Description:          "One flat JSON object: dotted field names, values of any JSON kind.",
		Examples:             []any{map[string]any{"_time": "2026-01-02T03:04:05.678Z", "_msg": "Failed password for root", "host.name": "gw1", "process.pid": 4711}},
	}
}

// Rows are rows as they are known, the data of the event rows.
type Rows struct {
	Offset int64 `json:"offset" doc:"The number of the first of them. They stand for all from there on: a reader drops what it has from offset on, since until the end another node's answer may change what was shown."`
	Rows   []Row `json:"rows" nullable:"false" doc:"The rows."`
}

// TailRows are events as they arrive, the data of a tail's event rows.
type TailRows struct {
	Rows []Row `json:"rows" nullable:"false" doc:"The events."`
}

// Progress is the data of the event progress.
type Progress struct {
	Progress   float64 `json:"progress" minimum:"0" maximum:"1" doc:"The share of the work done on all nodes."`
	EventsRead int64   `json:"events_read" doc:"Events looked at on all nodes."`
	BytesRead  int64   `json:"bytes_read" doc:"Bytes read from disk on all nodes."`
	Rows       int64   `json:"rows" doc:"Rows there are so far."`
}

// Lost is the data of the event lost.
type Lost struct {
	Count int64 `json:"count" doc:"Events that matched and were left out because they came faster than they could be sent."`
}

// Stopped is the data of the event stopped.
type Stopped struct {
	Target string `json:"target"`
	Node   string `json:"node"`
	Error  string `json:"error" doc:"Why the node follows no longer."`
}

// End is the data of the event end, the last of its stream.
type End struct {
	State string `json:"state,omitempty" enum:"queued,delivered,running,done,partial,failed,refused,cancelled,expired" doc:"The state of the query; absent in a tail."`
	Error string `json:"error,omitempty" doc:"Why the stream ended early."`
}

// QueryText is a query to format, and the answer.
type QueryText struct {
	Query string `json:"query" minLength:"1" maxLength:"65536" example:"error|limit 10" doc:"The query."`
}
