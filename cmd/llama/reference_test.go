package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama/internal/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/cli.md and docs/configuration.md anew")

// TestCommandReferenceIsCurrent fails when docs/cli.md is not what the commands
// say of themselves.
func TestCommandReferenceIsCurrent(t *testing.T) {
	atHome(t)
	var b strings.Builder
	b.WriteString(commandsHead)
	for _, cmd := range commands(newRoot())[1:] {
		writeCommand(&b, cmd)
	}
	current(t, "../../docs/cli.md", atHomeText(b.String()))
}

// TestConfigurationReferenceIsCurrent does so for docs/configuration.md, and
// reads its example.
func TestConfigurationReferenceIsCurrent(t *testing.T) {
	atHome(t)
	var b bytes.Buffer
	b.WriteString(configurationHead)
	c := defaultConfig()
	if err := config.WriteReference(&b, &c); err != nil {
		t.Fatal(err)
	}
	current(t, "../../docs/configuration.md", atHomeText(b.String()))

	_, example, _ := strings.Cut(configurationHead, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if err := config.Read("configuration.md", []byte(example), &c); err != nil {
		t.Error(err)
	}
}

// home is where the pages say that a user lives.
const home = "/home/you"

func atHome(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the pages name the places of Linux")
	}
	t.Setenv("HOME", home)
	for _, name := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME", "STATE_DIRECTORY"} {
		t.Setenv(name, "")
	}
}

func atHomeText(text string) string { return strings.ReplaceAll(text, home, "~") }

func current(t *testing.T, page, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), want); diff != "" {
		t.Errorf("%s is stale; make docs writes it anew\n%s", page, diff)
	}
}

// commands returns cmd and all below it, those that are hidden left out.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			all = append(all, commands(below)...)
		}
	}
	return all
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	t.Parallel()
	for _, cmd := range commands(newRoot())[1:] {
		if cmd.Short == "" || !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s: short %q, example %q", cmd.CommandPath(), cmd.Short, cmd.Example)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s says nothing", cmd.CommandPath(), f.Name)
			}
		})
	}
}

func writeCommand(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, "\n## %s\n\n", cmd.CommandPath())
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintln(w, strings.ReplaceAll(text, "_", `\_`))
	if cmd.Runnable() {
		fmt.Fprintf(w, "\n    %s\n", cmd.UseLine())
	}
	fmt.Fprintf(w, "\nFor example:\n\n%s\n", indent(cmd.Example))
	flags := cmd.NonInheritedFlags()
	if flags.HasAvailableFlags() {
		fmt.Fprint(w, "\n| flag | default | what it is |\n| --- | --- | --- |\n")
	}
	flags.VisitAll(func(f *pflag.Flag) { writeFlag(w, f) })
}

// indent makes a block of code of an example, which stands two blanks in.
func indent(example string) string {
	var b strings.Builder
	for line := range strings.Lines(example) {
		b.WriteString("  " + line)
	}
	return b.String()
}

func writeFlag(w io.Writer, f *pflag.Flag) {
	if f.Name == "help" {
		return
	}
	name := "`--" + f.Name
	kind, usage := pflag.UnquoteUsage(f)
	if kind != "" {
		name += " " + kind
	}
	name += "`"
	if f.Shorthand != "" {
		name = "`-" + f.Shorthand + "`, " + name
	}
	def := ""
	if f.DefValue != "" && f.DefValue != "[]" && f.DefValue != "false" && f.DefValue != "0" {
		def = "`" + f.DefValue + "`"
	}
	fmt.Fprintf(w, "| %s | %s | %s |\n", name, def, usage)
}

const commandsHead = `# Commands

This page is printed from the code; ` + "`make docs`" + ` writes it anew.

Data goes to standard output and words to standard error. The exit code is 0 when all is done, 1 when something went wrong and
2 when the command line is. Rows are a table for people on a terminal, and a JSON object a line in a pipe.

Commands that ask central take its address, the authority of its certificate and who asks from ` + "`LLAMA_URL`, `LLAMA_CA`" + ` and
` + "`LLAMA_TOKEN`" + `, else from the last ` + "`llama login`" + `. ` + "`llama COMMAND --help`" + ` says what is said here.
`

const configurationHead = `# Configuration

This page is printed from the code; ` + "`make docs`" + ` writes it anew.

The configuration is one YAML file, given with ` + "`llama up -c FILE`" + `. Everything has a default, so the file holds only what is to be
different. Sizes have units (` + "`512KiB`, `10MiB`, `2GiB`, `1.5GB`" + `), and so have durations (` + "`30s`, `5m`, `12h`, `90d`, `1w`" + `). Secrets
are given as files. Keys that are not known and keys that are repeated are errors.

    llama config check -c llama.yaml   # names every mistake with its line, and what would be right
    llama config print -c llama.yaml   # all values in force

A site whose switches and web server report to one node:

` + "```yaml" + `
data: /srv/llama
master_key: /etc/llama/master.key
central:
  listen: 0.0.0.0:443
  names: [logs.example.com]
node:
  syslog: 0.0.0.0:514
  receivers:
    - name: web
      files: {paths: [/var/log/nginx/access.log]}
    - name: secure
      syslog_tcp:
        listen: 0.0.0.0:6514
        tls: {cert: /etc/llama/node.pem, key: /etc/llama/node.key}
  routes:
    - when: {sender: [10.0.8.0/24]}
      collection: switch
      fields: {site: madrid}
    - when: {receiver: [web]}
      collection: web
      parser: nginx-access
  archive:
    retention: {age: 180d}
    collections:
      switch: {age: 30d, size: 20GiB}
` + "```" + `

In the table, ` + "`[]`" + ` stands for each item of a list and ` + "`NAME`" + ` for a name of your own.

`
