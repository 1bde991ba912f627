package main

import (
	"context"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

// What a node keeps of itself is asked for by a query each, over its socket.

type recordsOptions struct{ data, text, format string }

// flags declares the flags; usual is the query when none is given, and called so.
func (o *recordsOptions) flags(cmd *cobra.Command, usual, called string) {
	cmd.Flags().StringVar(&o.text, "query", usual, "`LOGSQL` to ask")
	cmd.Flags().Lookup("query").DefValue = called
	cmd.Flags().StringVar(&o.format, "format", "", "`FORM` of the rows: ndjson, csv or table (default: table on a terminal, else ndjson)")
	cmd.PersistentFlags().StringVar(&o.data, "data", defaultData(), "`DIR` of the node's data")
}

// show asks and prints the rows.
func (o *recordsOptions) show(ctx context.Context, path string) error {
	out, err := newRowWriter(o.format, os.Stdout)
	if err != nil {
		return err
	}
	answer, err := ask(ctx, o.data, path, url.Values{"query": {o.text}})
	if err != nil {
		return explained(err, o.text)
	}
	defer answer.Close() // it was only read
	if err := readRows(answer, out.Write); err != nil {
		return err
	}
	return out.Close()
}

func newNodeMetrics() *cobra.Command {
	var o recordsOptions
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Say how this node was doing: its own numbers, one a minute of each",
		Long: `Shows the node's own numbers of the last minutes, or answers a query in LogsQL over
all that are kept: metric.name, metric.value, metric.type and labels.NAME are the
fields. The node has to run. What Prometheus scrapes is at /metrics.`,
		Example: `  llama node metrics
  llama node metrics --query 'metric.name:=llama_archive_free_disk_bytes | stats by (_time:1h) min(metric.value) free'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.show(cmd.Context(), "/metrics/query") },
	}
	o.flags(cmd, "_time:2m | sort by (_time, _msg) | fields _time, _msg", "those of the last two minutes")
	return cmd
}
