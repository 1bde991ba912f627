// Package history keeps what an archive sealed and what it removed on purpose in a
// log that cannot be rewritten unseen: an RFC 6962 tree over records, whose head is
// signed. The bytes are described in docs/format.md.
//
//	Add ─► pending ─ Flush ─► records, synced ─► head, signed and synced
//
// Who keeps a head elsewhere can see later that the history only grew since. What
// the records mean, and whether the archive is as they say, is the caller's affair.
package history
