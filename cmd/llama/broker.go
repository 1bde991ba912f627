package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/llama-logs/llama/internal/central"
	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/node"
	"github.com/spf13/cobra"
)

func newBroker() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a broker between central and its nodes",
		Long: `Runs a broker until it is interrupted, for a machine that both central and its nodes
can reach, when they cannot reach each other. It carries what it cannot read, keeps
nothing, and asks central who may connect. Central is told where it is with
broker.urls.`,
		Example: `  llama broker config > llama.conf        # signed in at central
  llama broker --trust llama.conf --listen 0.0.0.0:4222`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(file)
			if err != nil {
				return err
			}
			overlay(cmd, "data", &c.Data)
			overlay(cmd, "listen", &c.Broker.Listen)
			overlay(cmd, "websocket", &c.Broker.WebSocket)
			overlay(cmd, "trust", &c.Broker.Trust)
			return broker(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	d := defaultConfig()
	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", "", "configuration `FILE`; flags win over it")
	flags.String("data", d.Data, "`DIR` that holds the authority of its certificate, if that is its own")
	flags.String("listen", d.Broker.Listen, "`ADDRESS` where central and nodes connect, over TLS")
	flags.String("websocket", "", "`ADDRESS` for WebSocket over TLS, too")
	flags.String("trust", "", "`FILE` with what 'llama broker config' printed")
	cmd.AddCommand(newBrokerConfig())
	return cmd
}

func newBrokerConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print what a broker elsewhere has to be told",
		Long: `Asks central and prints what a 'llama broker' trusts, in the form of a nats-server's
configuration, so that such a server, or a cluster of them, can include it. There is
no secret in it.`,
		Example: "  llama broker config > llama.conf",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Get(ctx, "/broker/config")
				if err != nil {
					return err
				}
				var told struct {
					Config string `json:"config"`
				}
				if err := json.Unmarshal(answer, &told); err != nil {
					return fmt.Errorf("read central's answer: %w", err)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), told.Config)
				return err
			})
		},
	}
}

// broker runs a broker until ctx ends.
func broker(ctx context.Context, c Config, out io.Writer) (err error) {
	p := &process{log: c.Log.logger()}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.takeData(&c); err != nil {
		return err
	}
	if err := node.CheckSocket(filepath.Join(c.Data, central.PostSocket)); err != nil {
		return err
	}
	post, err := central.OpenPost(c.Broker, c.Data, p.log)
	if err != nil {
		return err
	}
	p.opened = append(p.opened, post)
	at := listening{PID: os.Getpid(), Broker: post.URL()}
	if err := at.write(c.Data); err != nil {
		return err
	}
	defer os.Remove(listeningFile(c.Data)) // a file left over is written anew by the next start
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "LLAMA %s is up as a broker.\n\n  broker\t%s\n", version, post.URL()) // Flush tells
	if url := post.WebSocketURL(); url != "" {
		fmt.Fprintf(w, "  WebSocket\t%s\n", url)
	}
	if address := post.MetricsAddress(); address != "" {
		fmt.Fprintf(w, "  metrics\thttp://%s/metrics\n", address)
	}
	if _, err := os.Stat(caFile(c.Data)); err == nil && c.Broker.TLS == nil {
		fmt.Fprintf(w, "  certificate\tits authority is %s; central is told with broker.ca\n", caFile(c.Data))
	}
	fmt.Fprintln(w)
	if err := w.Flush(); err != nil {
		return err
	}
	notify("READY=1")
	context.AfterFunc(ctx, func() { notify("STOPPING=1") })
	if err := post.Run(ctx, newRegistry()); err != nil {
		return err
	}
	words(os.Stderr, "llama: stopping")
	return nil
}
