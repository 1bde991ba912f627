package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/node"
	"github.com/spf13/cobra"
)

// levelKey is the key of the log's level, which central can set, too.
const levelKey = "log.level"

// reload reads the configuration again and puts into force what can be while the process
// runs. When anything in it is wrong, nothing is changed.
func (p *process) reload() (*node.Reloaded, error) {
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if p.read == nil {
		return nil, errors.New("there is no configuration file to read again")
	}
	next, err := p.read()
	if err != nil {
		return nil, err
	}
	if next.Data, err = filepath.Abs(next.Data); err != nil {
		return nil, err
	}
	after := p.inForce
	after.Log.Level = next.Log.Level
	if p.site != nil {
		if after.Node, err = p.site.Reload(next.Node); err != nil {
			return nil, err
		}
	}
	done := &node.Reloaded{Changed: config.Changed(&p.inForce, &after), Restart: config.Changed(&after, &next)}
	if level := levels[after.Log.Level]; p.level.Level() != level {
		p.level.Set(level)
		if !slices.Contains(done.Changed, levelKey) { // central had set another for the while
			done.Changed = append([]string{levelKey}, done.Changed...)
		}
	}
	p.inForce = after
	p.log.Info("configuration read again", "changed", strings.Join(done.Changed, " "), "restart", strings.Join(done.Restart, " "))
	return done, nil
}

// reloadOnSignal reloads at each SIGHUP, until ctx ends. Without a file the signal ends the
// process, as that of a terminal that is closed should, unless systemd keeps it.
func (p *process) reloadOnSignal(ctx context.Context) error {
	if p.read == nil && os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			if _, err := p.reload(); err != nil {
				p.log.Error("configuration not read again; nothing was changed", "error", err)
			}
		}
	}
}

func newNodeReload() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the node on this machine read its configuration again",
		Long: `Has the process that runs on a data directory read its configuration file again, as
SIGHUP does, and says what is in force now and what needs a restart. In force at once are
parsers and routes, how long and how much is kept, the limits of queries and the level of
the log. When anything in the file is wrong, nothing is changed.`,
		Example: "  llama node reload\n  llama node reload --data /srv/llama",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := ask(cmd.Context(), data, "/node/reload", url.Values{})
			if err != nil {
				return err
			}
			defer answer.Close() // it was only read
			var done node.Reloaded
			if err := json.NewDecoder(answer).Decode(&done); err != nil {
				return fmt.Errorf("read the node's answer: %w", err)
			}
			sayReloaded("", done)
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "`DIR` of the node's data")
	return cmd
}

// sayReloaded says what came of a reload, of the node who if it is named.
func sayReloaded(who string, done node.Reloaded) {
	if who != "" {
		who = "node " + who + ": "
	}
	if len(done.Changed) == 0 {
		words(os.Stderr, "%sthe configuration was read again; of what can change at once, nothing has", who)
	} else {
		words(os.Stderr, "%sin force now: %s", who, strings.Join(done.Changed, ", "))
	}
	if len(done.Restart) > 0 {
		words(os.Stderr, "%sneeds a restart: %s", who, strings.Join(done.Restart, ", "))
	}
}

func newTargetReload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload NAME",
		Short: "Have a target's nodes read their configuration again",
		Long: `Does for all nodes of a target, which have to be online, what 'llama node reload' does
on a node's machine. It is in their ledgers and in the audit log.`,
		Example: "  llama target reload plant-7",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Add(ctx, "/targets"+client.PathOf(args[0])+"/reload", nil)
				if err != nil {
					return err
				}
				var all struct {
					Nodes []struct {
						Node string
						node.Reloaded
					}
				}
				if err := json.Unmarshal(answer, &all); err != nil {
					return fmt.Errorf("read central's answer: %w", err)
				}
				for _, n := range all.Nodes {
					sayReloaded(n.Node, n.Reloaded)
				}
				return nil
			})
		},
	}
}

func newTargetStatus() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Ask a target's nodes how they are, now",
		Long: `Asks all nodes of a target, which have to be online, what they hold, what is free and
what takes logs. It is in their ledgers and in the audit log. What nodes last said by
themselves is in 'llama node list'.`,
		Example: "  llama target status plant-7",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return printList(cmd, format, "/targets"+client.PathOf(args[0])+"/status", nil)
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

func newNodeStatus() *cobra.Command {
	var data, format string
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Say how the node on this machine is",
		Long:    "Shows what the node that runs on a data directory holds, what is free and what takes logs.",
		Example: "  llama node status --data /srv/llama",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := ask(cmd.Context(), data, "/node/status", url.Values{})
			if err != nil {
				return err
			}
			defer answer.Close() // it was only read
			var status json.RawMessage
			if err := json.NewDecoder(answer).Decode(&status); err != nil {
				return fmt.Errorf("read the node's answer: %w", err)
			}
			return printOne(format, status)
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "`DIR` of the node's data")
	formatFlag(cmd, &format)
	return cmd
}
