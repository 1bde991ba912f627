// Package receive holds the receivers: what takes logs from others and hands
// them on as batches of events, one file a protocol.
//
//	SyslogUDP  datagrams, one event each
//	SyslogTCP  RFC 6587 streams, with or without TLS
//	HTTP       one server: JSON lines, plain lines, Elasticsearch's _bulk
//	Files      follows files that grow, are rotated, cut and replaced
//
// A receiver frames and never parses: an event's Message is what was sent, with
// its syslog header, and the pipeline takes it from there. Opening one takes its
// port or its token file, Run works until its context ends, Close frees the rest.
//
// Nothing is queued here. A peer is read again only after the sink took what it
// sent, so a slow sink slows its senders; whoever can wait for an answer gets it
// after Put has returned. A sink that says "not now" is asked again for as long
// as it takes, except by UDP, which cannot make anybody wait: it counts what it
// lost. After Put a receiver uses the batch's events and their field slices
// again, so a sink keeps copies, and the strings as they are.
package receive
