// Package column holds events as columns: Block, the form in which events are
// searched; Builder, which gathers events into a block while readers look at
// what is there already; and the encoding of one column on disk, as
// docs/format.md has it.
//
// Nothing here compresses, encrypts or touches files: package segment does.
package column
