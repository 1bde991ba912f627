// Package query parses LogsQL into a plan and runs it over anything that can be
// scanned block by block.
//
// A query is filters and pipes. Its plan has two halves:
//
//	node:    filters → row pipes → first gathering pipe, one state a worker
//	merger:  merge of the states → the other pipes, in order → rows
//
// Row pipes (fields, extract, math, …) look at one row at a time. A gathering
// pipe (stats, uniq, top, sort, limit, …) needs many rows; its state merges, so
// a node sends states and not rows unless rows are what was asked for. The
// halves meet in frames, whose bytes are described in frame.go. Partial is the
// node's half, Merge the merger's, Execute both in one process.
//
// Rows flow in chunks: the columns of a column.Block and the numbers of the rows
// that are still in. Filters and functions of values work once per dictionary
// value, not once per row, and columns that nobody asks for are not decoded.
//
// The language is described in docs/logsql.md. The package knows neither the
// archive nor the network: a Source gives it blocks.
package query
