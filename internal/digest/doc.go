// Package digest computes the SHA-256 (FIPS 180-4) of many messages. Where the processor has
// instructions for it, two messages are hashed in step: each round waits for the one before,
// which leaves half of what the processor could do undone when there is only one.
package digest
