package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/node"
	"github.com/spf13/cobra"
)

func newNode() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run a node, and look after nodes",
		Long: `Runs a node until it is interrupted: it receives, archives, and answers the central
that its data directory has joined. Nothing listens for central: the node calls.`,
		Example: "  llama node join https://logs.example.com --code llama1_...\n  llama node --syslog 0.0.0.0:514",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRoles(cmd, file, roles{node: true})
		},
	}
	flagsOf(cmd, &file, roles{node: true})
	cmd.AddCommand(newNodeJoin(), newNodeList(), newNodeRevoke(), newNodeRotate(), newNodeReload(), newNodeStatus(), newNodeLedger(), newNodeMetrics())
	return cmd
}

func newNodeJoin() *cobra.Command {
	var file, code, codeFile string
	cmd := &cobra.Command{
		Use:   "join URL --code CODE",
		Short: "Make the node of a data directory one of a central's",
		Long: `Makes the node's keys, which never leave this machine, and has the central at URL
know them. The code comes from 'llama target add' there; it says whom to trust. A data directory
joins once; on another machine it has to join again.`,
		Example: "  llama node join https://logs.example.com --code llama1_...\n  llama node join https://logs.example.com:8080 --code-file - --data /srv/llama",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("'llama node join' takes the URL of central's page, and %d words were given", len(args))
			}
			asks := newAsker()
			if codeFile != "" {
				var err error
				if code, err = asks.secret(codeFile, "Code"); err != nil {
					return err
				}
			}
			c, err := readConfig(file)
			if err != nil {
				return err
			}
			overlayRoles(cmd, &c)
			m, err := join(cmd.Context(), &c, asks, args[0], code)
			if err == nil {
				words(os.Stderr, "joined %s as node %s of target %s; start it with 'llama node%s'", m.URL, m.Node, m.Target, placeFlags(cmd))
			}
			return err
		},
	}
	d := defaultConfig()
	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", "", "configuration `FILE`; flags win over it")
	flags.String("data", d.Data, "`DIR` that holds the node's data")
	flags.StringVar(&code, "code", "", "`CODE` that 'llama target add' printed")
	flags.StringVar(&codeFile, "code-file", "", "`FILE` with that code, which no list of processes shows; - asks for it")
	cmd.MarkFlagsOneRequired("code", "code-file")
	cmd.MarkFlagsMutuallyExclusive("code", "code-file")
	d.Master.flags(cmd)
	return cmd
}

// placeFlags returns the flags of cmd that say where a node's things are, as they were given.
func placeFlags(cmd *cobra.Command) string {
	var b strings.Builder
	for _, name := range append([]string{"config", "data"}, masterFlags...) {
		if f := cmd.Flag(name); f != nil && f.Changed {
			fmt.Fprintf(&b, " --%s %s", name, f.Value)
		}
	}
	return b.String()
}

func join(ctx context.Context, c *Config, asks *asker, url, text string) (*node.Membership, error) {
	code, err := envelope.ParseCode(text)
	if err != nil {
		return nil, err
	}
	p := &process{}
	defer p.close() // what is written is durable by then
	if err := p.takeData(c); err != nil {
		return nil, err
	}
	master, err := c.Master.open(c.Data, asks)
	if err != nil {
		return nil, err
	}
	return node.JoinCentral(ctx, node.JoinOptions{
		Data: c.Data, Master: master, URL: url, Code: code, Uplink: c.Node.Uplink, Version: version,
	})
}

func newNodeRevoke() *cobra.Command {
	return newRemove("revoke NODE", "Shut a node out for good, within seconds; its data stays where it is", "  llama node revoke 3kfj2m4xq5nh7abc", "/nodes")
}

// madeCode is an enrolment code, as the API answers it.
type madeCode struct {
	Code string `json:"code"`
}

func newTargetAdd() *cobra.Command {
	var uses int64
	var expires string
	cmd := &cobra.Command{
		Use:   "add NAME [--uses N] [--expires D]",
		Short: "Print a code by which nodes join a target",
		Long: `Makes the target if there is none of that name, and prints an enrolment code, alone, for
'llama node join'. The code is shown this once; who has it can add a node to the target.`,
		Example: "  llama target add plant-7\n  llama target add branches --uses 20 --expires 7d",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			good, err := config.ParseDuration(expires)
			if err != nil || good < time.Second {
				return usagef("--expires: %q is no time to be good for; e.g. 30m, 12h, 7d", expires)
			}
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Add(ctx, "/enrolments", map[string]any{"target": args[0], "uses": uses, "seconds": int64(good.Seconds())})
				if err != nil {
					return err
				}
				var made madeCode
				if err := json.Unmarshal(answer, &made); err != nil {
					return fmt.Errorf("read central's answer: %w", err)
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), made.Code)
				return err
			})
		},
	}
	cmd.Flags().Int64Var(&uses, "uses", 1, "how many nodes may join by the code")
	cmd.Flags().StringVar(&expires, "expires", "24h", "how long it is good: `DURATION`, e.g. 30m, 12h, 7d")
	return cmd
}

func newTargetCodes() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "code",
		Short:   "List and withdraw enrolment codes",
		Example: "  llama target code list\n  llama target code remove 5b0c9d1e2f3a4b5c",
		Args:    noArgs,
	}
	cmd.AddCommand(
		newMatchList("list", "List enrolment codes, without their secrets", "  llama target code list", "/enrolments"),
		newRemove("remove ID", "Withdraw a code; nodes that joined by it stay", "  llama target code remove 5b0c9d1e2f3a4b5c", "/enrolments"),
	)
	return cmd
}

func newNodeRotate() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Change the keys of the node on this machine",
		Long: `Makes new keys for the node that runs on a data directory, proves them to central under
the old ones, and uses them. Receiving and answering go on; the old keys are of no use
to anybody once central has heard the new.`,
		Example: "  llama node rotate\n  llama node rotate --data /srv/llama",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := ask(cmd.Context(), data, "/node/rotate", nil)
			if err != nil {
				return err
			}
			words(os.Stderr, "the node has new keys, which central knows")
			return answer.Close()
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "`DIR` of the node's data")
	return cmd
}
