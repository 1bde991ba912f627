package main

import "github.com/spf13/cobra"

// roles are those that a process has.
type roles struct{ central, node bool }

// flagsOf adds the flags of a long-running command.
func flagsOf(cmd *cobra.Command, file *string, r roles) {
	d := defaultConfig()
	flags := cmd.Flags()
	flags.StringVarP(file, "config", "c", "", "configuration `FILE`; flags win over it")
	flags.String("data", d.Data, "`DIR` that holds the data")
	if r.central {
		flags.String("listen", d.Central.Listen, "`ADDRESS` of the page and the API; TLS unless it is loopback")
		flags.String("broker", d.Broker.Listen, "`ADDRESS` where nodes reach the broker over TLS, beside the page's port")
	}
	if r.node {
		flags.String("syslog", d.Node.Syslog, "`ADDRESS` for syslog over UDP and TCP")
		flags.String("ingest", d.Node.Ingest, "`ADDRESS` of the HTTP ingest door; TLS unless it is loopback")
	}
	d.Master.flags(cmd)
}

// overlayRoles puts those flags over what the file says.
func overlayRoles(cmd *cobra.Command, c *Config) {
	overlay(cmd, "data", &c.Data)
	c.Master.overlay(cmd)
	overlay(cmd, "listen", &c.Central.Listen)
	overlay(cmd, "broker", &c.Broker.Listen)
	overlay(cmd, "syslog", &c.Node.Syslog)
	overlay(cmd, "ingest", &c.Node.Ingest)
}

func newCentral() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "central",
		Short: "Run central: page, API, broker and database, for nodes elsewhere",
		Long: `Runs central with its page, the broker and the database until it is interrupted.
Nodes on other machines join it with a code from 'llama target add'. They reach it
through the page's port, and through --broker if that is given.

The first start makes the master key and the user admin with a random password, and
says where they lie.`,
		Example: `  llama central --listen 0.0.0.0:443
  llama central --data /srv/llama --listen 0.0.0.0:443 --broker 0.0.0.0:4222
  llama central -c central.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRoles(cmd, file, roles{central: true})
		},
	}
	flagsOf(cmd, &file, roles{central: true})
	cmd.AddCommand(newCentralMetrics())
	return cmd
}

func runRoles(cmd *cobra.Command, file string, r roles) error {
	read := func() (Config, error) {
		c, err := readConfig(file)
		overlayRoles(cmd, &c)
		return c, err
	}
	c, err := read()
	if err != nil {
		return err
	}
	p := &process{roles: r}
	if file != "" {
		p.read = read
	}
	return p.run(cmd.Context(), c, cmd.OutOrStdout())
}
