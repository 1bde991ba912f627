// Package segment writes and reads one immutable segment file: events of one
// collection and one day of arrival, in blocks of columns, compressed and sealed.
// The bytes are described in docs/format.md.
//
// A Codec makes Packed blocks of events, encoded and compressed, which can be read as they
// are. A Writer encrypts them, in the order of arrival, and gives the file its name at the
// end. A Segment knows what it holds from its summary; its directory is read when
// asked for, and each column of a block when it is first looked at. Which segments
// there are, and under which keys, is the caller's affair.
package segment
