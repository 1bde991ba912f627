package node

import (
	"net/http"
	"strings"
	"time"
)

// Status is how a node is at this moment, as an operator wants to know it.
type Status struct {
	Version         string           `json:"version"`
	Started         time.Time        `json:"started"`
	LastEvent       time.Time        `json:"last_event,omitzero"` // zero for none since it started
	EventsPerSecond float64          `json:"events_per_second"`
	Events          uint64           `json:"events"`
	Collections     int              `json:"collections"`
	Segments        int              `json:"segments"`
	Damaged         int              `json:"damaged"` // of segments
	SegmentBytes    int64            `json:"segment_bytes"`
	LogBytes        int64            `json:"log_bytes"`
	HeadBytes       int64            `json:"head_bytes"` // of memory
	FreeBytes       int64            `json:"free_bytes"`
	TotalBytes      int64            `json:"total_bytes"`
	Failing         bool             `json:"failing"`
	LogLevel        string           `json:"log_level"` // "" when it is not known
	Receivers       []ReceiverStatus `json:"receivers"`
}

// ReceiverStatus is a receiver that takes logs.
type ReceiverStatus struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Address string `json:"address"` // "" when it does not listen
	TLS     bool   `json:"tls"`
}

func (n *Node) status() Status {
	s, snapshot := n.archive.Stat(), n.archive.Snapshot()
	defer snapshot.Close()
	h := n.executor.health()
	status := Status{
		Version: n.o.Version, Started: h.Started.Std().UTC(), EventsPerSecond: h.EventsPerSecond,
		Events: s.Events, Collections: len(snapshot.Collections()), Segments: s.Segments, Damaged: s.Damaged,
		SegmentBytes: s.SegmentBytes, LogBytes: s.LogBytes, HeadBytes: s.HeadBytes, FreeBytes: s.FreeBytes, TotalBytes: s.TotalBytes,
		Failing: s.Failing, Receivers: []ReceiverStatus{},
	}
	if h.LastEvent != 0 {
		status.LastEvent = h.LastEvent.Std().UTC()
	}
	if n.o.Level != nil {
		status.LogLevel = strings.ToLower(n.o.Level.Level().String())
	}
	for _, r := range n.receivers {
		one := ReceiverStatus{Name: r.origin.Receiver, Kind: r.kind, TLS: r.tls}
		if r.addr != nil {
			one.Address = r.addr.String()
		}
		status.Receivers = append(status.Receivers, one)
	}
	return status
}

// serveStatus answers POST /node/status.
func (n *Node) serveStatus(w http.ResponseWriter, _ *http.Request) { n.tell(w, n.status()) }
