// Package block turns the events of a block into templates and typed columns, and
// back. The bytes are described in docs/format.md.
//
// A template is the fixed text of messages and what their fields have in common;
// what differs from event to event are its slots, each a column of its own:
//
//	message    Failed password for root from 192.0.2.7 port 4711 ssh2
//	template   Failed password for ␣ from ␣ port ␣ ssh2
//	fields     user.name = slot 0, source.ip = slot 1, source.port = slot 2,
//	           event.outcome = "failure", process.pid = slot 3
//
// A field that a parser cut out of the message is a slot of the message and costs
// nothing of its own. Between fields, runs of letters and digits that have a digit
// are slots too. Events whose template is rare in the block, as is each JSON object
// with keys of its own, are not worth one: they are loose, and their messages and
// fields are columns that say which events have them.
package block
