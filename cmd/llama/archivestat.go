package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/spf13/cobra"
)

func newArchiveStat() *cobra.Command {
	var o keyOptions
	var collection string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stat",
		Short: "Say what takes how much of the disk: collections, columns",
		Long: `Says for each collection how many events there are, what they take on the disk, and
how many times smaller that is than their messages alone were. With --collection, the
columns of one, the largest first.`,
		Example: "  llama archive stat\n  llama archive stat --collection sshd\n  llama archive stat --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.read(cmd)
			if err != nil {
				return err
			}
			var sizes *archive.Sizes
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			err = withArchive(ctx, &c, newAsker(), func() error {
				answer, err := ask(ctx, c.Data, "/archive/stat", nil)
				if err != nil {
					return err
				}
				defer answer.Close() // it was only read
				return json.NewDecoder(answer).Decode(&sizes)
			}, func(a *archive.Archive) error {
				sizes, err = a.Sizes(ctx)
				return err
			})
			if err != nil {
				return err
			}
			if collection != "" {
				return showColumns(out, sizes, collection, asJSON)
			}
			if asJSON {
				return printJSON(out, sizes)
			}
			return showSizes(out, sizes)
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	cmd.Flags().StringVar(&collection, "collection", "", "`NAME` of a collection, for its columns")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON, with the columns of all collections")
	return cmd
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func showSizes(out io.Writer, s *archive.Sizes) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "events\tunsealed\tbytes\tbytes/event\tratio\ttemplates\tsegments\t collection") // Flush tells
	for _, c := range s.Collections {
		fmt.Fprintf(w, "%d\t%d\t%d\t%.1f\t%.1f\t%.0f\t%d\t %s\n",
			c.Events, c.Unsealed, c.Bytes, each(c.Bytes, c.Events-c.Unsealed), c.Ratio, c.Templates, c.Segments, c.Collection)
	}
	unsealed := uint64(0)
	for _, c := range s.Collections {
		unsealed += c.Unsealed
	}
	fmt.Fprintf(w, "%d\t%d\t%d\t%.1f\t%.1f\t\t\t all\n", s.Events, unsealed, s.Bytes, each(s.Bytes, s.Events-unsealed), s.Ratio)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nthe log takes %d bytes\n", s.LogBytes)
	if s.Damaged > 0 {
		_, err = fmt.Fprintf(out, "%s cannot be read and left out; 'llama archive verify' says why\n", many(s.Damaged, "segment", "segments"))
	}
	return err
}

func each(bytes int64, events uint64) float64 {
	if events == 0 {
		return 0
	}
	return float64(bytes) / float64(events)
}

func showColumns(out io.Writer, s *archive.Sizes, collection string, asJSON bool) error {
	for _, c := range s.Collections {
		if c.Collection != collection {
			continue
		}
		if asJSON {
			return printJSON(out, c)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "bytes\tbytes/event\tshare\t column") // Flush tells
		for _, x := range c.Columns {
			fmt.Fprintf(w, "%d\t%.2f\t%.1f%%\t %s\n", x.Bytes, each(x.Bytes, c.Events-c.Unsealed), 100*float64(x.Bytes)/float64(c.Bytes), x.Name)
		}
		return w.Flush()
	}
	return fmt.Errorf("there are no events of %q", collection)
}
