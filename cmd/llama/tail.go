package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/query"
	"github.com/spf13/cobra"
)

func newTail() *cobra.Command {
	var targets, after []string
	var format, dataDir string
	var local bool
	cmd := &cobra.Command{
		Use:   "tail [flags] FILTER",
		Short: "Follow events live as they arrive",
		Long: `Prints the events that match a LogsQL filter as they arrive at the nodes, until
it is interrupted. A query with pipes cannot be followed. Where central is and who
asks is known as for 'llama query'.

With --after the node of that event begins with what came after it, and when the
connection breaks, or central or a node is restarted, following goes on where it
was. A node that does not have the event any more says so.`,
		Example: `  llama tail 'error'
  llama tail --after jbn6hiovmugrglx2-4711 'error'
  llama tail --local '_collection:sshd event.outcome:failure'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one filter is wanted and %d words were given; put it in single quotes, \"*\" is everything", len(args))
			}
			return explained(runTail(cmd, tailOptions{args[0], targets, after, format, local, dataDir}), args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&targets, "target", nil, "`NAME` of a target to follow; may be repeated (default: all)")
	flags.StringArrayVar(&after, "after", nil, "begin after the event with this `ID` (_id), and go on after interruptions, each event once; once for each node")
	flags.StringVar(&format, "format", "", "`FORM` of the events: ndjson, or table for the time, the host, the program and the message (default: table on a terminal, else ndjson)")
	flags.BoolVar(&local, "local", false, "follow the node on this machine through its socket, without central")
	flags.StringVar(&dataDir, "data", defaultData(), "`DIR` of that node's data")
	cmd.MarkFlagsMutuallyExclusive("local", "target")
	return cmd
}

type tailOptions struct {
	text           string
	targets, after []string
	format         string
	local          bool
	dataDir        string
}

func runTail(cmd *cobra.Command, o tailOptions) error {
	ctx := cmd.Context()
	q, err := query.Parse(o.text, time.Now())
	if err != nil {
		return err
	}
	if _, err := q.Matcher(); err != nil {
		return err
	}
	show, err := newTailWriter(o.format, os.Stdout)
	if err != nil {
		return err
	}
	follow := func(o tailOptions, out func([]llama.Field) error) error { return tailLocal(ctx, o, out) }
	if !o.local {
		c, err := openClient()
		if err != nil {
			return err
		}
		defer c.Close()
		follow = func(o tailOptions, out func([]llama.Field) error) error { return tailCentral(ctx, c, o, out) }
	}
	for place := newPlace(o.after); ; {
		o.after = place.ids()
		err := follow(o, func(row []llama.Field) error {
			err := show(row)
			place.move(row)
			return err
		})
		if ctx.Err() != nil {
			return nil // interrupted, as it should end
		}
		if len(o.after) == 0 || !isBroken(err) {
			return err
		}
		words(os.Stderr, "llama: %v; going on after %s", err, strings.Join(place.ids(), ", "))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resumeAfter):
		}
	}
}

// resumeAfter is how long a tail waits before it goes on.
const resumeAfter = time.Second

// errGap ends a tail that would leave out events, so that it goes on before them.
var errGap = llama.Errorf(llama.Unavailable, "events came too fast")

// isBroken reports whether asking again may help.
func isBroken(err error) bool {
	var closed *net.OpError
	return err == nil || llama.CodeOf(err) == llama.Unavailable || errors.As(err, &closed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errNoNode)
}

func tailCentral(ctx context.Context, c *client.Client, o tailOptions, out func([]llama.Field) error) error {
	var row []llama.Field
	return c.Tail(ctx, client.Following{
		Filter: o.text, Targets: o.targets, After: o.after,
		Row: func(line []byte) (err error) {
			if row, err = llama.AppendFields(row[:0], string(line)); err != nil {
				return err
			}
			return out(row)
		},
		Lost: func(count int64) error {
			if len(o.after) > 0 {
				return errGap
			}
			words(os.Stderr, "llama: %d events came too fast and are left out here; a query finds them", count)
			return nil
		},
		Stopped: func(target, node, reason string) error {
			if len(o.after) > 0 { // nothing may be missing
				return llama.Errorf(llama.Conflict, "target %s, node %s: %s", target, node, reason)
			}
			words(os.Stderr, "llama: target %s, node %s: %s", target, node, reason)
			return nil
		},
	})
}

// A place is the last event of each node that was shown.
type place map[string]string // ids, by node

func newPlace(after []string) place {
	p := place{}
	for _, id := range after {
		p[nodeOf(id)] = id
	}
	return p
}

func nodeOf(id string) string { return id[:max(0, strings.LastIndexByte(id, '-'))] }

func (p place) move(row []llama.Field) {
	for i := range row {
		if row[i].Name == llama.NameID {
			p[nodeOf(row[i].Value)] = row[i].Value
		}
	}
}

func (p place) ids() []string { return slices.Sorted(maps.Values(p)) }
