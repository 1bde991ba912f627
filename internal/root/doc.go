// Package root computes salted Merkle roots over runs of events, by which it can be
// shown later that none was changed, left out or added. The bytes are described in
// docs/format.md.
//
// A root is that of an RFC 6962 tree over the events in the order of their arrival,
// each leaf of which stands for up to 16 of them:
//
//	event  SHA-256(0x02 ‖ salt of the event ‖ the event in canonical form)
//	leaf   SHA-256(0x00 ‖ event ‖ event ‖ …)
//	node   SHA-256(0x01 ‖ left ‖ right)
//
// The salts of events are drawn from a random salt of the root, so a proof of one
// event, which has hashes of its neighbours, says nothing about what these are. Who
// has the root's salt, which lies sealed with the events, can compute all.
//
// The package keeps nothing: roots lie in segments and in the archive's history.
package root
