package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

const schedulesPath = "/scheduled-tasks"

func newSchedule() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "List, add, change, run and remove queries that repeat",
		Long: `A schedule asks a query again and again, in the name of who made it and as far as
they may at that time. Schedules go by their names. What changes holds at once.`,
		Example: `  llama schedule add hourly --every 1h --frame interval 'error | stats by (host.name) count() n'
  llama schedule history hourly`,
		Args: noArgs,
	}
	cmd.AddCommand(
		newList("list", "List schedules and when they are due", "  llama schedule list", schedulesPath, nil),
		newScheduleAdd(), newScheduleShow(), newScheduleChange(),
		newPause("pause NAME", "Pause a schedule", "  llama schedule pause hourly", true),
		newPause("resume NAME", "Resume a schedule; what was due meanwhile is not caught up", "  llama schedule resume hourly", false),
		newScheduleRun(), newScheduleHistory(),
		newRemoveNamed("remove NAME", "Remove a schedule and its history", "  llama schedule remove hourly", schedulesPath),
	)
	return cmd
}

// plan is what of a schedule is given by flags; those that were not given are
// left out.
type plan struct {
	name, description, query string
	every, cron, zone        string
	first, until, from, to   string
	missed, overlap, frame   string
	targets                  []string
	limit                    int64
}

func (p *plan) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.description, "description", "", "`TEXT` that says what it is for")
	flags.StringVar(&p.every, "every", "", "`INTERVAL` of real time, as 15m, 1h or 7d")
	flags.StringVar(&p.cron, "cron", "", "`EXPRESSION`: minute hour day month weekday, as \"30 6 * * 1-5\"")
	flags.StringVar(&p.zone, "zone", "", "time `ZONE` of --cron, as Europe/Berlin (default: UTC)")
	flags.StringVar(&p.first, "first", "", "`TIME` before which nothing is due, and from which intervals are counted")
	flags.StringVar(&p.until, "until", "", "`TIME` from which on nothing is due")
	flags.StringVar(&p.missed, "missed", "", "`WHAT` is done about runs that were due while no central ran: once, skip or all (default: once)")
	flags.StringVar(&p.overlap, "overlap", "", "`WHAT` is done when the run before has not ended: skip, wait or allow (default: skip)")
	flags.StringVar(&p.frame, "frame", "", "`FRAME` asked for: interval, the time since it was due before, or range, from --from to --to (default: range)")
	flags.StringVar(&p.from, "from", "", "earliest `TIME` asked for, relative to when it is due, as -1d")
	flags.StringVar(&p.to, "to", "", "`TIME` before which is asked for")
	flags.StringArrayVar(&p.targets, "target", nil, "`NAME` of a target to ask; may be repeated (default: all that its owner may ask)")
	flags.Int64Var(&p.limit, "limit", 0, "at most `N` rows")
}

// body returns what was given.
func (p *plan) body(cmd *cobra.Command) map[string]any {
	body := map[string]any{}
	for name, value := range map[string]any{
		"description": p.description, "every": p.every, "cron": p.cron, "zone": p.zone, "first": p.first, "until": p.until,
		"missed": p.missed, "overlap": p.overlap, "frame": p.frame, "from": p.from, "to": p.to, "limit": p.limit,
	} {
		if cmd.Flags().Changed(name) {
			body[name] = value
		}
	}
	if cmd.Flags().Changed("target") {
		body["targets"] = p.targets
	}
	return body
}

func newScheduleAdd() *cobra.Command {
	var p plan
	cmd := &cobra.Command{
		Use:   "add NAME (--every INTERVAL | --cron EXPRESSION) [flags] LOGSQL",
		Short: "Make a query repeat",
		Long: `An interval is real time. A cron expression that names hours is due once for each
time it names: one that the clock skips when it is put forward is due at that
moment, one that comes twice when it is put back is due the first time. One for every
hour (*) goes on as real time does.`,
		Example: `  llama schedule add nightly --cron '30 6 * * *' --zone Europe/Berlin --from -1d 'event.outcome:failure | top 10 by (source.ip)'
  llama schedule add hourly --every 1h --frame interval --target plant-7 'error | stats count() n'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := p.body(cmd)
			body["name"], body["query"] = args[0], args[1]
			return explained(atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				_, err := c.Add(ctx, schedulesPath, body)
				return err
			}), args[1])
		},
	}
	p.flags(cmd)
	return cmd
}

func newScheduleChange() *cobra.Command {
	var p plan
	cmd := &cobra.Command{
		Use:     "change NAME [--name NEW] [--query LOGSQL] [flags]",
		Short:   "Change a schedule; what is not given stays",
		Example: "  llama schedule change hourly --every 30m",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			body := p.body(cmd)
			if cmd.Flags().Changed("name") {
				body["name"] = p.name
			}
			if cmd.Flags().Changed("query") {
				body["query"] = p.query
			}
			if len(body) == 0 {
				return usagef("nothing is to be changed; name it with a flag")
			}
			return explained(changeSchedule(cmd, args[0], body), p.query)
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&p.name, "name", "", "`NAME` it is to have")
	cmd.Flags().StringVar(&p.query, "query", "", "`LOGSQL` it is to ask")
	return cmd
}

func changeSchedule(cmd *cobra.Command, name string, body map[string]any) error {
	return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
		id, err := idOf(ctx, c, schedulesPath, name)
		if err != nil {
			return err
		}
		_, err = c.Change(ctx, schedulesPath+client.PathOf(id), body)
		return err
	})
}

func newPause(use, short, example string, paused bool) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeSchedule(cmd, args[0], map[string]any{"paused": paused})
		},
	}
}

func newScheduleShow() *cobra.Command {
	return newShowNamed("show NAME", "Show a schedule", "  llama schedule show hourly", schedulesPath)
}

func newScheduleRun() *cobra.Command {
	return &cobra.Command{
		Use:     "run NAME",
		Short:   "Run a schedule now, also when it is paused",
		Long:    `Prints the id of the run, which is also that of its query.`,
		Example: "  llama schedule run hourly\n  llama query rows $(llama schedule run hourly)",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				id, err := idOf(ctx, c, schedulesPath, args[0])
				if err != nil {
					return err
				}
				answer, err := c.Add(ctx, schedulesPath+client.PathOf(id, "run"), nil)
				if err != nil {
					return err
				}
				var run struct{ ID string }
				if err := json.Unmarshal(answer, &run); err != nil {
					return fmt.Errorf("read the answer: %w", err)
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), run.ID)
				return err
			})
		},
	}
}

func newScheduleHistory() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "history NAME",
		Short:   "List what came of a schedule, newest first",
		Example: "  llama schedule history hourly",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			err := atCentral(cmd, func(ctx context.Context, c *client.Client) (err error) {
				id, err = idOf(ctx, c, schedulesPath, args[0])
				return err
			})
			if err != nil {
				return err
			}
			return printList(cmd, format, schedulesPath+client.PathOf(id, "runs"), nil)
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

// idOf finds the id of what is called name in a list of the API.
func idOf(ctx context.Context, c *client.Client, path, name string) (id string, err error) {
	err = c.Each(ctx, path, url.Values{"match": {name}}, func(item []byte) error {
		var is struct{ ID, Name string }
		if err := json.Unmarshal(item, &is); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if is.Name == name {
			id = is.ID
		}
		return nil
	})
	if err == nil && id == "" {
		err = llama.Errorf(llama.NotFound, "there is none called %q", name)
	}
	return id, err
}

// newShowNamed makes a command that prints what is called NAME in a list.
func newShowNamed(use, short, example, path string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				id, err := idOf(ctx, c, path, args[0])
				if err != nil {
					return err
				}
				item, err := c.Get(ctx, path+client.PathOf(id))
				if err != nil {
					return err
				}
				return printOne(format, item)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

// newRemoveNamed makes a command that removes what is called NAME in a list.
func newRemoveNamed(use, short, example, path string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				id, err := idOf(ctx, c, path, args[0])
				if err != nil {
					return err
				}
				return c.Remove(ctx, path+client.PathOf(id))
			})
		},
	}
}
