package node

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/measure"
	"github.com/llama-logs/llama/internal/query"
)

// The records are what the node keeps of itself: its ledger and its metrics, as
// collections of an archive of their own, so that no question about a site's events
// finds them.

// RecordsOptions say how long the records are kept.
type RecordsOptions struct {
	Ledger  archive.Retention `yaml:"ledger" doc:"How long it is known what the node was asked, by whom, and how much left it."`
	Metrics archive.Retention `yaml:"metrics" doc:"How long the node's own numbers are kept, one a minute of each."`
}

const (
	// recordsFloor is far less than the archive leaves free, so that a disk full of events
	// still has room for the record of who asked for them.
	recordsFloor  = 64 * config.KiB
	recordsHead   = 16 * config.MiB
	recordsCache  = 4 * config.MiB
	recordsMemory = 64 << 20 // of one query

	recordsFolder = "records"
)

func defaultRecords() RecordsOptions {
	const day = 24 * time.Hour
	return RecordsOptions{Ledger: archive.Retention{Age: 365 * day}, Metrics: archive.Retention{Age: 30 * day}}
}

// openRecords opens the records in their folder beside the archive, and the ledger.
func (n *Node) openRecords() error {
	around, err := fsys.Dir(filepath.Join(n.o.Data, "node"))
	if err != nil {
		return fmt.Errorf("open the node's folder: %w", err)
	}
	n.opened = append(n.opened, around)
	disk, err := fsys.Dir(filepath.Join(n.o.Data, "node", recordsFolder))
	if err != nil {
		return fmt.Errorf("open the records' folder: %w", err)
	}
	n.opened = append(n.opened, disk)
	n.records, err = archive.Open(disk, n.o.Master, archive.Options{
		Retention:   n.o.Records.Ledger,
		Collections: map[string]archive.Retention{measure.Collection: n.o.Records.Metrics},
		FreeFloor:   recordsFloor, HeadSize: recordsHead, LogSize: recordsHead, LogFileSize: recordsHead,
		DirectorySize: recordsCache, DecodedSize: recordsCache, PositionsSize: recordsCache, RecentSize: recordsCache,
		Logger: n.o.Log, Signer: n.identity.Signer(),
	})
	if err != nil {
		return fmt.Errorf("open records: %w", err)
	}
	n.opened = append(n.opened, n.records)
	n.ledger = &ledger{records: n.records, reserve: &reserve{disk: around}, log: n.o.Log}
	n.ledger.keepReserve()
	return nil
}

// measure writes the node's numbers into the records until ctx ends.
func (n *Node) measure(ctx context.Context) error {
	return measure.Run(ctx, measure.Options{From: n.o.Registry, Into: n.records, Log: n.o.Log})
}

// askRecords answers POST /ledger/query and /metrics/query as /select/logsql/query does,
// from the records. It is not itself in the ledger: nothing of the archive leaves.
func (n *Node) askRecords(collection string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, from, to, err := asked(w, r)
		if err != nil {
			n.refuse(w, err)
			return
		}
		snapshot := n.records.Snapshot()
		defer snapshot.Close()
		out := n.newLines(w)
		defer n.spare(out)
		err = q.Lines(r.Context(), archive.Only{Snapshot: snapshot, Collection: collection}, query.RunOptions{
			From: from, To: to, NodeID: n.id, MaxMemory: recordsMemory,
		}, out.lines)
		n.end(w, out, err)
	}
}
