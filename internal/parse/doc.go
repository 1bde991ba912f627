// Package parse gives events their fields. A parser takes an event as a receiver
// made it, finds the time and the values in its message, and names them by the
// Elastic Common Schema; it adds and never drops: what it does not understand
// stays whole.
//
// Parsers are data. A module is a YAML file with match (is this event mine?),
// steps (how values are taken out), map (what they are called) and examples,
// which are its tests (module.go). A step is written in Go, one file each, and
// is a Step literal in the list Steps: name, options, constructor, examples. The
// modules that come with the program lie in packs/; a user's folder adds to them
// and overrides them by name (registry.go).
//
//	message ─ syslog header ─┬─ a module that says "mine" ─ steps ─ map ─ fields
//	                         └─ none: the event as it is
//
// That is what the parser called auto does (auto.go). Parsers are safe for
// concurrent use. They read no files and keep nothing of an event.
package parse
