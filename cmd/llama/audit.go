package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strconv"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

const auditPath = "/audit"

func newAudit() *cobra.Command {
	return newCentralRecords(auditPath, "*", &cobra.Command{
		Use:   "audit [flags] [LOGSQL]",
		Short: "Ask what everybody did at central",
		Long: `Every sign-in, question, export, change and refusal is in an audit log, which is an
archive of central's own and asked in LogsQL. An entry has event.action,
event.outcome, user.name, source.ip, llama.object (what it was done to), request.*
(what was asked for), llama.targets and llama.rows (how many rows went out).`,
		Example: `  llama audit --from -1d 'event.outcome:failure'
  llama audit --limit 0 '* | stats by (user.name, event.action) count() n'`,
	})
}

func newCentralMetrics() *cobra.Command {
	return newCentralRecords("/metrics", "_time:2m | sort by (_time, _msg) | fields _time, _msg", &cobra.Command{
		Use:   "metrics [flags] [LOGSQL]",
		Short: "Say how central was doing: its own numbers, one a minute of each",
		Long: `Shows central's own numbers of the last minutes, or answers a query in LogsQL over
all that are kept: metric.name, metric.value, metric.type and labels.NAME are the
fields. What Prometheus scrapes is at /metrics.`,
		Example: `  llama central metrics
  llama central metrics 'metric.name:=llama_task_central_live_queries | stats by (_time:1h) max(metric.value) queries'`,
	})
}

// newCentralRecords completes a command that asks what central keeps of itself at a
// path of the API; usual is the query when none is given.
func newCentralRecords(path, usual string, cmd *cobra.Command) *cobra.Command {
	var from, to, format string
	var limit int
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text := usual
		if len(args) == 1 {
			text = args[0]
		}
		out, err := newRowWriter(format, os.Stdout)
		if err != nil {
			return err
		}
		params := url.Values{"query": {text}, "limit": {strconv.Itoa(limit)}}
		set(params, "from", from)
		set(params, "to", to)
		err = atCentral(cmd, func(ctx context.Context, c *client.Client) error {
			var row []llama.Field
			return c.Lines(ctx, path+"?"+params.Encode(), func(line []byte) (err error) {
				if row, err = llama.AppendFields(row[:0], string(line)); err != nil {
					return err
				}
				whole := slices.ContainsFunc(row, func(f llama.Field) bool { return f.Name == llama.NameID }) // and not what a query made of it
				if whole && path == auditPath && forPeople(format) {
					row = plainRow(path, row)
				}
				return out.Write(row)
			})
		})
		return explained(errors.Join(out.Close(), err), text)
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "earliest `TIME` asked for, as -1d")
	flags.StringVar(&to, "to", "", "`TIME` before which is asked for")
	flags.IntVar(&limit, "limit", 1000, "at most `N` rows; 0 for all")
	formatFlag(cmd, &format)
	return cmd
}
