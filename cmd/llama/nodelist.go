package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/config"
	"github.com/spf13/cobra"
)

func newNodeList() *cobra.Command {
	var match, format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the nodes of all targets, who is online, and how they are",
		Long: `Shows all nodes that one may see: their version, when they were last heard of, what
comes in, how much of their disk is free, how far their clock is off, and in words what
there is to see to. As ndjson or csv it is all that central knows of them.`,
		Example: "  llama node list --match plant\n  llama node list --format ndjson",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			params := url.Values{}
			set(params, "match", match)
			if forPeople(format) {
				return printNodes(cmd, params, time.Now())
			}
			return printList(cmd, format, "/nodes", params)
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().StringVar(&match, "match", "", "only those whose name, or target's name, holds `TEXT`")
	return cmd
}

// listedNode is a node as the API answers it.
type listedNode struct {
	Target   string    `json:"target"`
	ID       string    `json:"id"`
	State    string    `json:"state"`
	LastSeen time.Time `json:"last_seen"`
	Version  string    `json:"version"`
	Health   *struct {
		Trouble []struct {
			Text string `json:"text"`
		} `json:"trouble"`
		LastEvent       time.Time `json:"last_event"`
		EventsPerSecond float64   `json:"events_per_second"`
		FreeBytes       int64     `json:"free_bytes"`
		TotalBytes      int64     `json:"total_bytes"`
		ClockSkewMS     int64     `json:"clock_skew_ms"`
	} `json:"health"`
}

// printNodes prints nodes as a table for people.
func printNodes(cmd *cobra.Command, params url.Values, now time.Time) error {
	out, err := newRowWriter("table", os.Stdout)
	if err != nil {
		return err
	}
	err = atCentral(cmd, func(ctx context.Context, c *client.Client) error {
		return c.Each(ctx, "/nodes", params, func(item []byte) error {
			var n listedNode
			if err := json.Unmarshal(item, &n); err != nil {
				return fmt.Errorf("read central's answer: %w", err)
			}
			return out.Write(n.row(now))
		})
	})
	return errors.Join(out.Close(), err)
}

// row is the node in the columns of the table.
func (n *listedNode) row(now time.Time) []llama.Field {
	row := []llama.Field{{Name: "target", Value: n.Target}, {Name: "node", Value: n.ID}, {Name: "state", Value: n.State}, {Name: "version", Value: n.Version}}
	add := func(name, value string) { row = append(row, llama.Field{Name: name, Value: value}) }
	add("heard", ago(n.LastSeen, now))
	h := n.Health
	if h == nil {
		for _, name := range []string{"events", "last event", "disk free", "clock", "to see to"} {
			add(name, "")
		}
		return row
	}
	add("events", fmt.Sprintf("%.0f/s", h.EventsPerSecond))
	last := "none since its start"
	if !h.LastEvent.IsZero() {
		last = ago(h.LastEvent, now)
	}
	add("last event", last)
	free := ""
	if h.TotalBytes > 0 {
		free = fmt.Sprintf("%s (%d%%)", config.Size(h.FreeBytes).About(), 100*h.FreeBytes/h.TotalBytes)
	}
	add("disk free", free)
	add("clock", fmt.Sprintf("%+.1fs", float64(h.ClockSkewMS)/1000))
	var words []string
	for _, t := range h.Trouble {
		words = append(words, t.Text)
	}
	add("to see to", strings.Join(words, "; "))
	return row
}

// ago says how long something is past, to the second, minute, hour or day.
func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	since := max(0, now.Sub(at))
	for _, unit := range []struct {
		name string
		span time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if since >= 2*unit.span {
			return fmt.Sprintf("%d%s ago", since/unit.span, unit.name)
		}
	}
	return fmt.Sprintf("%ds ago", since/time.Second)
}
