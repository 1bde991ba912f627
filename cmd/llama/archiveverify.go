package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/node"
	"github.com/llama-logs/llama/internal/segment"
	"github.com/spf13/cobra"
)

func newArchiveVerify() *cobra.Command {
	var o keyOptions
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Look whether events were changed, left out or rolled back",
		Long: `Reads everything that is sealed, computes the Merkle roots of all events again and
compares them with the archive's history, and with its head from before, if one was
kept elsewhere ('llama archive head'). Without it, an archive that was replaced as a
whole by an older copy of itself cannot be told from that.

The node that runs on the data directory does it. When none does, the archive is
opened for it, with the master key. The exit code is 0 when all is as it should be
and 1 when something was found.`,
		Example: "  llama archive verify\n  llama archive verify --head /media/usb/2026-11-20.head --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.read(cmd)
			if err != nil {
				return err
			}
			var head []byte
			if file != "" {
				if head, err = readFile(file); err != nil {
					return usagef("--head: %v", err)
				}
			}
			v, err := verifyArchive(cmd.Context(), &c, newAsker(), head)
			if err != nil {
				return err
			}
			return showVerification(cmd.OutOrStdout(), v, file != "", asJSON)
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	cmd.Flags().StringVar(&file, "head", "", "`FILE` with a head that was kept elsewhere; - is standard input")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	return cmd
}

// verifyArchive has the node verify its archive, or does it itself.
func verifyArchive(ctx context.Context, c *Config, asks *asker, head []byte) (v *archive.Verification, err error) {
	bar := newBar("verify", -1, false)
	defer bar.Close() // it only clears its line
	progress := func(done, total int64) {
		bar.ChangeMax64(total)
		bar.Set64(done) // fails when stderr does
	}
	err = withArchive(ctx, c, asks, func() error {
		answer, err := ask(ctx, c.Data, "/archive/verify", url.Values{"head": {string(head)}})
		if err != nil {
			return err
		}
		defer answer.Close() // it was only read
		v, err = readVerification(answer, progress)
		return err
	}, func(a *archive.Archive) error {
		v, err = a.Verify(ctx, archive.VerifyOptions{Head: head, Progress: progress})
		return err
	})
	if corrupt, ok := errors.AsType[*segment.CorruptError](err); ok { // it does not even open
		return &archive.Verification{Findings: []archive.Finding{{File: corrupt.File, Offset: corrupt.Offset, What: corrupt.Err.Error()}}}, nil
	}
	return v, err
}

// readVerification reads a node's answer.
func readVerification(answer io.Reader, progress func(done, total int64)) (*archive.Verification, error) {
	d := json.NewDecoder(answer)
	for {
		var step node.VerifyStep
		if err := d.Decode(&step); err != nil {
			return nil, fmt.Errorf("read the node's answer: %w", err)
		}
		switch {
		case step.Error != "":
			return nil, errors.New(step.Error)
		case step.Verification != nil:
			return step.Verification, nil
		}
		progress(step.Done, step.Total)
	}
}

// showVerification prints what was found. It is an error if that is anything.
func showVerification(out io.Writer, v *archive.Verification, kept, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			return err
		}
	} else {
		for _, f := range v.Findings {
			if _, err := fmt.Fprintln(out, f); err != nil {
				return err
			}
		}
		if v.More > 0 {
			words(os.Stderr, "and %d more", v.More)
		}
		words(os.Stderr, "%s in %s read; %d events are not sealed yet, %d were removed on purpose",
			many(int(v.Events), "event", "events"), many(v.Segments, "segment", "segments"), v.Unsealed, v.Removed)
	}
	if len(v.Findings) > 0 {
		words(os.Stderr, "%s: the archive is not as it was left", many(len(v.Findings)+v.More, "finding", "findings"))
		return silentError{}
	}
	if !asJSON && kept {
		words(os.Stderr, "all is as it was sealed, and the history goes on from the head that was kept")
	} else if !asJSON {
		words(os.Stderr, "all is as it was sealed; that it is no older copy shows only a head that was kept elsewhere")
	}
	return nil
}
