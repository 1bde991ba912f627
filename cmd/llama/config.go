package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/llama-logs/llama/internal/central"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/node"
	"github.com/spf13/cobra"
)

// Config is the configuration file: the options of the roles, and what is the
// process's own.
type Config struct {
	Data    string                `yaml:"data" doc:"The data directory."`
	Master  MasterOptions         `yaml:",inline"`
	Log     LogOptions            `yaml:"log" doc:"What the program says of itself, on stderr."`
	Central central.Options       `yaml:"central" doc:"The page, the API and the database."`
	Broker  central.BrokerOptions `yaml:"broker" doc:"What carries questions to nodes elsewhere, and answers back."`
	Node    node.Options          `yaml:"node" doc:"What receives, keeps and answers at this site."`
}

// Validate says which option is wrong.
func (c *Config) Validate() error { return c.Master.Validate() }

// LogOptions say how much is logged, and how.
type LogOptions struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error."`
	Format string `yaml:"format" doc:"text or json."`
}

// Validate says which option is wrong.
func (l *LogOptions) Validate() error {
	var errs []error
	if _, ok := levels[l.Level]; !ok {
		errs = append(errs, config.Wrong("level", "%q is no level; debug, info, warn or error", l.Level))
	}
	if l.Format != "text" && l.Format != "json" {
		errs = append(errs, config.Wrong("format", "%q is no format; text or json", l.Format))
	}
	return errors.Join(errs...)
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func (l *LogOptions) logger() *slog.Logger {
	logger, _ := l.adjustable()
	return logger
}

// adjustable returns a logger, and what changes its level while it is used.
func (l *LogOptions) adjustable() (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(levels[l.Level])
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), level
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options)), level
}

// defaultConfig is what runs without a file.
func defaultConfig() Config {
	return Config{
		Data: defaultData(), Master: MasterOptions{MasterKey: defaultMasterKey()},
		Log: LogOptions{Level: "info", Format: "text"}, Central: central.Default(), Node: node.Default(),
	}
}

// readConfig overlays the defaults with a file, if one is named.
func readConfig(file string) (Config, error) {
	c := defaultConfig()
	if file == "" {
		return c, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	if err := config.Read(file, text, &c); err != nil {
		return c, fmt.Errorf("the configuration is not used:\n%w", err)
	}
	return c, nil
}

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check or print the configuration",
		Long: `The configuration is one YAML file, given with -c. Every key has a default, so a
file holds only what is to be different.`,
		Example: "  llama config check -c llama.yaml\n  llama config print > llama.yaml",
		Args:    noArgs,
	}
	var file string
	cmd.PersistentFlags().StringVarP(&file, "config", "c", "", "configuration `FILE`")
	cmd.AddCommand(
		&cobra.Command{
			Use:   "check -c FILE",
			Short: "Read a configuration file as a start would, and name every mistake",
			Long: `Reads the file as 'llama up' would, with the parser modules if a route names a parser,
and opens nothing else. Every mistake is named with its line and column, and what
would be right; the exit code is then 1.`,
			Example: "  llama config check -c llama.yaml",
			Args:    noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				if file == "" {
					return usagef("--config is missing: name the file to check")
				}
				return checkConfig(file)
			},
		},
		&cobra.Command{
			Use:   "print [-c FILE]",
			Short: "Print all values in force as YAML",
			Long: `Prints the defaults with the file's values over them: a file to begin with. A key
that is not printed has no fixed default; docs/configuration.md says what holds
without it.`,
			Example: "  llama config print\n  llama config print -c llama.yaml",
			Args:    noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := readConfig(file)
				if err != nil {
					return err
				}
				text, err := config.Print(&c)
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(text)
				return err
			},
		},
	)
	return cmd
}

func checkConfig(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c := defaultConfig()
	if err := config.Read(file, text, &c); err != nil {
		words(os.Stderr, "%v", err)
		return silentError{}
	}
	words(os.Stderr, "%s is good", file)
	return nil
}

// overlay puts a flag over what the file says, if the flag was given.
func overlay(cmd *cobra.Command, flag string, into *string) {
	if f := cmd.Flags().Lookup(flag); f != nil && f.Changed {
		*into = f.Value.String()
	}
}
