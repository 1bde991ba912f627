// Command llama is all of LLAMA in one binary: central, broker, node and the
// commands of analysts and operators. One file holds one subcommand; what they
// do lies in the packages under internal.
//
// Data goes to stdout and words to stderr. The exit code is 0 when all is done,
// 1 when something went wrong and 2 when the command line is.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to finish in order; the second kills as usual.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	cmd, err := mistyped(root, args)
	if err == nil {
		cmd, err = root.ExecuteContextC(ctx)
	}
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[silentError](err); ok {
		return 1
	}
	if !runs(cmd) && (errors.Is(err, context.Canceled) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx))) {
		words(os.Stderr, "llama: interrupted")
		return 1
	}
	err = plainly(cmd, err)
	fmt.Fprintf(os.Stderr, "llama: %v\n", err)
	if _, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(os.Stderr, "See '%s --help'.\n", cmd.CommandPath())
		return 2
	}
	return 1
}

// runs reports whether a command is one that runs until it is interrupted.
func runs(cmd *cobra.Command) bool {
	return slices.Contains([]string{"llama up", "llama central", "llama node", "llama broker"}, cmd.CommandPath())
}

// interruptible returns a reader of r that ends when ctx does. A read of a
// terminal or a pipe cannot be called back, so the one under way is left behind:
// it ends with the process.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	return out
}

// A silentError ends a command that has already said what went wrong.
type silentError struct{}

func (silentError) Error() string { return "" }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "llama",
		Short: "Logs archive management and analysis for many sites",
		Long: `LLAMA keeps the logs of many sites where they arise, encrypted, and answers
questions over all of them from one page.

Start with:  llama up`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(
		newUp(), newCentral(), newBroker(), newImport(), newParse(), newParser(), newQuery(), newTail(), newLogin(), newConfig(),
		newKey(), newArchive(), newNode(), newVersion(),
		newTarget(), newSchedule(), newSaved(), newUser(), newToken(), newIngestToken(), newAudit(), newStatistics(), newCollection(),
	)
	root.SetFlagErrorFunc(flagProblem)
	return root
}
