// Package wal is the write-ahead log of an archive: what makes a batch safe before
// it is acknowledged. The bytes are described in docs/format.md.
//
// A batch becomes a Frame (Encoder), which any number of goroutines may do at once; a
// Log writes groups of frames, one group at a time, with one sync. Open plays back
// what an earlier process left. The events of a frame lie in sections, one for each
// collection and day of arrival, which a Reader reads. Positions that must outlive the log
// files are kept in a Checkpoint.
//
// What a frame's events mean, and when a file is no longer needed, is the caller's
// affair.
package wal
