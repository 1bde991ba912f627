package main

import "github.com/spf13/cobra"

func newUp() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process: page, broker, database and one node",
		Long: `Runs central with its page, the broker, the database and one node, called local,
in one process and one data directory, until it is interrupted. The next start
finds everything as it was.

The first start makes the master key, the user admin with a random password, and
a token for the ingest door, and says where they lie.`,
		Example: `  llama up
  llama up --data /srv/llama --master-key /etc/llama/master.key --listen 0.0.0.0:443
  llama up -c llama.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRoles(cmd, file, roles{central: true, node: true})
		},
	}
	flagsOf(cmd, &file, roles{central: true, node: true})
	return cmd
}
