// Package archive keeps the events of a node: it makes batches safe, lets them be
// searched and followed, and lets them go when their time is over. The bytes on disk
// are described in docs/format.md.
//
//	Put ─► write-ahead log, one sync for all that wait ─► head ─► segments ─► gone
//	         │ positions                                   │         │   ▲
//	         ▼                                             ▼         ▼   │ merged
//	      Next                                   Snapshot, Follow ◄──┘ ──┘
//
// A part is one collection on one UTC day of arrival. Its newest events are in its
// head, in memory: the sections of the frames in which they were written to the log,
// and, where somebody has asked for them, columns made of those; where they fill blocks,
// these are packed, as they will be in a segment. Its others are in segments. Put adds to
// the log and then to the heads; Run packs and seals heads, merges segments and expires
// parts; a log file goes when all its events are in segments.
//
// Beside a segment lies what queries have computed over all of it (answers.go), as they
// gave it; it goes with the segment.
//
// The package does not know what events mean, and asks no questions of them: that is
// package query's, over a Snapshot.
package archive
