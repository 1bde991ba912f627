package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/query"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type queryOptions struct {
	targets           []string
	from, to          string
	limit             int64
	format            string
	local, formatOnly bool
	explain           bool
	deadline          string
	dataDir           string
	file, parser      string
}

func newQuery() *cobra.Command {
	var o queryOptions
	cmd := &cobra.Command{
		Use:   "query [flags] LOGSQL",
		Short: "Ask a query in LogsQL",
		Long: `Asks central, and so the nodes of one, several or all targets; or the node on
this machine with --local; or a file with --file, without any server. Rows go to
stdout: a table on a terminal, one JSON object a line in a pipe.

Where central is and who asks is known from 'llama login', or from LLAMA_URL,
LLAMA_CA and LLAMA_TOKEN, which win.

Times are RFC 3339, dates, or relative to now: -15m, now-7d. To look for the word
list, show, rows, cancel or tasks, quote it: '"list"'.`,
		Example: `  llama query --target local --from -1h 'error | stats by (host.name) count() n'
  llama query --local '_collection:sshd event.outcome:failure | top 10 by (source.ip)'
  llama query --file app.log --format csv 'level:error | fields _time, _msg'
  llama query --explain -- 'error | stats by (host.name) count() n'
  llama query --format-query 'error|limit 10'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one query is wanted and %d words were given; put the query in single quotes", len(args))
			}
			if o.parser != "" && o.file == "" {
				return usagef("--parser goes with --file; nodes have parsed their events")
			}
			if o.limit < 0 {
				return usagef("--limit: %d is no number of rows; 1 at least, or 0 for no limit", o.limit)
			}
			return explained(runQuery(cmd, args[0], o), args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.targets, "target", nil, "`NAME` of a target to ask; may be repeated (default: all)")
	flags.StringVar(&o.from, "from", "", "earliest `TIME` asked for (default: the beginning)")
	flags.StringVar(&o.to, "to", "", "`TIME` before which is asked for (default: no end)")
	flags.Int64Var(&o.limit, "limit", 0, "at most `N` rows")
	flags.StringVar(&o.deadline, "deadline", "", "`TIME` until when nodes may answer, those too that are offline now; e.g. +1h (default: central's own)")
	flags.StringVar(&o.format, "format", "", "`FORM` of the rows: ndjson, csv or table (default: table on a terminal, else ndjson)")
	flags.BoolVar(&o.local, "local", false, "ask the node on this machine through its socket, without central")
	flags.StringVar(&o.dataDir, "data", defaultData(), "`DIR` of that node's data")
	flags.StringVar(&o.file, "file", "", "ask a `FILE` of JSON or plain lines, \"-\" for standard input, without any server")
	flags.StringVar(&o.parser, "parser", "", "with --file: `NAME` of the parser of its lines (default: one is found)")
	flags.BoolVar(&o.formatOnly, "format-query", false, "print the query in its normal form, or where it is wrong, and ask nothing")
	flags.BoolVar(&o.explain, "explain", false, "print what the query would read, of each collection on each node, and do not run it")
	cmd.MarkFlagsMutuallyExclusive("explain", "file", "format-query")
	cmd.AddCommand(newQueryList(), newQueryShow(), newQueryRows(), newQueryCancel(), newQueryTasks())
	cmd.MarkFlagsMutuallyExclusive("local", "file", "format-query", "target")
	cmd.MarkFlagsMutuallyExclusive("local", "file", "format-query", "deadline")
	for _, unused := range []string{"from", "to", "limit", "format"} {
		cmd.MarkFlagsMutuallyExclusive("format-query", unused)
	}
	return cmd
}

func runQuery(cmd *cobra.Command, text string, o queryOptions) error {
	ctx := cmd.Context()
	q, err := query.Parse(text, time.Now())
	if err != nil {
		return err // before anybody is asked
	}
	if o.formatOnly {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), q)
		return err
	}
	if o.explain {
		node, merger := q.Halves()
		words(os.Stderr, "on nodes: %s", node)
		if merger != "" {
			words(os.Stderr, "merged:   %s", merger)
		}
		text = q.Explained().String()
	}
	out, err := newRowWriter(o.format, os.Stdout)
	if err != nil {
		return err
	}
	switch {
	case o.file != "":
		err = queryFile(ctx, q, o, out.Write)
	case o.local:
		if _, err := askedRange(o); err != nil {
			return err // in the words of the flags
		}
		err = queryLocal(ctx, text, o, out.Write)
	default:
		err = queryCentral(ctx, text, o, out)
	}
	err = errors.Join(out.Close(), err)
	if table, ok := out.(*tableWriter); ok && err == nil && table.empty() {
		words(os.Stderr, "nothing found")
	}
	return err
}

// explained shows a person at a terminal where a query is wrong.
func explained(err error, text string) error {
	column := 0
	if e, ok := errors.AsType[*query.Error](err); ok {
		column = e.Column
	} else if p, ok := errors.AsType[*client.Problem](err); ok {
		column = p.Column
	}
	if column < 1 || strings.ContainsAny(text, "\n\t") {
		return err
	}
	near, at := around([]rune(text), column-1)
	return fmt.Errorf("%w\n  %s\n  %s^", err, near, strings.Repeat(" ", at))
}

// shownAround is how many letters of a query are shown on both sides of where it is wrong:
// some are pages long.
const shownAround = 60

// around returns what stands around a letter of a text, and where that letter is in it.
func around(text []rune, at int) (near string, where int) {
	at = min(at, len(text))
	first, end := max(0, at-shownAround), min(len(text), at+shownAround)
	before, after := "", ""
	if first > 0 {
		before = "…"
	}
	if end < len(text) {
		after = "…"
	}
	return before + string(text[first:end]) + after, len([]rune(before)) + at - first
}

// queryCentral asks through central and says on stderr how each target fares.
func queryCentral(ctx context.Context, text string, o queryOptions, out rowWriter) error {
	c, err := openClient()
	if err != nil {
		return err
	}
	defer c.Close()
	watching := client.Watching{}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		watching.Progress = func(p client.Progress) {
			fmt.Fprintf(os.Stderr, "\r\033[K%3.0f %%  %d events read, %d rows", 100*p.Progress, p.EventsRead, p.Rows)
		}
		defer fmt.Fprint(os.Stderr, "\r\033[K")
	}
	waits := waiting{out: os.Stderr}
	watching.State = waits.note
	defer time.AfterFunc(waitingAfter, waits.tell).Stop()
	asked, err := c.Ask(ctx, client.Question{Query: text, Targets: o.targets, From: o.from, To: o.to, Limit: o.limit, Deadline: o.deadline}, watching)
	if err != nil {
		return err
	}
	return errors.Join(printRows(ctx, c, asked.ID, out), incomplete(asked))
}

// printRows prints the rows of a query. Central sends them as JSON lines, which need not
// be read where they are to be printed so.
func printRows(ctx context.Context, c *client.Client, id string, out rowWriter) error {
	if lines, ok := out.(*ndjsonWriter); ok && !lines.flush {
		return c.Export(ctx, id, "ndjson", false, lines.out)
	}
	var row []llama.Field
	return c.Rows(ctx, id, func(text []byte) (err error) {
		if row, err = llama.AppendFields(row[:0], string(text)); err != nil {
			return err
		}
		return out.Write(row)
	})
}

// waitingAfter is how long a node may say nothing until who asks is told.
const waitingAfter = 3 * time.Second

// waiting tells who asks, once, which targets the answer waits for: without, a site that
// is away looks as if the program hung.
type waiting struct {
	out io.Writer

	mu   sync.Mutex
	last client.Query
}

func (w *waiting) note(q client.Query) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = q
}

func (w *waiting) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var away []string
	for _, t := range w.last.Tasks {
		if t.State == "queued" && !slices.Contains(away, t.Target) {
			away = append(away, t.Target)
		}
	}
	if len(away) > 0 {
		words(w.out, "waiting for nodes that have not been reached, of %s, until %s; --deadline +10s waits no longer than that",
			strings.Join(away, ", "), w.last.Deadline.Local().Format(time.DateTime))
	}
}

// incomplete says which targets have not answered wholly.
func incomplete(q client.Query) error {
	if q.State == "done" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the answer is not complete; the query's state is %s", q.State)
	if q.Error != "" {
		b.WriteString(": " + q.Error)
	}
	for _, t := range q.Tasks {
		if t.State != "done" {
			fmt.Fprintf(&b, "\n  target %s, node %s: %s", t.Target, t.Node, t.State)
			if t.Error != "" {
				b.WriteString(": " + t.Error)
			}
		}
	}
	return errors.New(b.String())
}

// openClient makes a client from the environment, the last sign-in, or, for the
// address alone, from the process that runs on this machine.
func openClient() (*client.Client, error) {
	file, err := client.CredentialsFile()
	if err != nil {
		return nil, err
	}
	kept, err := client.ReadCredentials(file)
	if err != nil {
		return nil, err
	}
	credentials, err := kept.Overlay(os.Getenv)
	if err != nil {
		return nil, err
	}
	if credentials.Token == "" {
		where := ""
		if credentials.URL != "" {
			where = " at " + credentials.URL
		}
		return nil, llama.Errorf(llama.Unauthorized, "nobody is signed in%s; run 'llama login', set LLAMA_TOKEN, or ask the node on this machine with 'llama query --local'", where)
	}
	if credentials.URL == "" {
		at, err := readListening(defaultData())
		if err != nil {
			return nil, err
		}
		credentials.URL = at.Page
	}
	return credentials.Client(func(token string) {
		if credentials.Token != kept.Token {
			return // it came from the environment, where nothing can be kept
		}
		kept.Token = token
		if err := kept.Write(file); err != nil {
			words(os.Stderr, "llama: the renewed sign-in is not kept: %v", err)
		}
	})
}

// queryFile asks the lines of a file, part by part, so that it may be larger
// than memory.
func queryFile(ctx context.Context, q *query.Query, o queryOptions, emit func([]llama.Field) error) error {
	run, err := askedRange(o)
	if err != nil {
		return err
	}
	if o.limit > 0 {
		q = q.WithLimit(int(o.limit))
	}
	parser, err := openParser(parserOptions{name: o.parser})
	if err != nil {
		return err
	}
	merge := q.NewMerge(run)
	part := 0
	err = eachLines(ctx, o.file, parser, func(events []llama.Event) error {
		part++
		return q.Partial(ctx, query.Events(events), run, func(f query.Frame) error {
			return merge.Add(fmt.Sprint("part ", part), f)
		})
	})
	if err != nil {
		return err
	}
	return merge.Rows(ctx, func(row query.Row) error { return emit(row) })
}

// fileMemory bounds what a query over a file may hold.
const fileMemory = 2 << 30

func askedRange(o queryOptions) (query.RunOptions, error) {
	run := query.RunOptions{NodeID: "file", MaxMemory: fileMemory}
	var err error
	if run.From, err = query.ParseMoment(o.from, time.Now()); err != nil {
		return run, usagef("--from: %v", err)
	}
	if run.To, err = query.ParseMoment(o.to, time.Now()); err != nil {
		return run, usagef("--to: %v", err)
	}
	if run.From != 0 && run.To != 0 && run.From >= run.To {
		return run, usagef("--from is %s, which is not before --to, %s", run.From, run.To)
	}
	if run.To != 0 {
		run.To-- // the end is not part of what is asked for
	}
	return run, nil
}

// readRows decodes a JSON object a line. A node that cannot go on with an answer says why
// in a last line, {"error": ...}, and breaks the answer off; that is no row, but the error.
func readRows(r io.Reader, emit func([]llama.Field) error) error {
	var row []llama.Field
	last := "" // a line that may be such a one
	decode := func(line string) (err error) {
		if row, err = llama.AppendFields(row[:0], line); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return emit(row)
	}
	err := eachLine(r, maxRow, func(line string) error {
		before := last
		if last = ""; strings.HasPrefix(line, `{"error":`) {
			last, line = line, ""
		}
		for _, line := range [2]string{before, line} {
			if line == "" {
				continue
			}
			if err := decode(line); err != nil {
				return err
			}
		}
		return nil
	})
	if last == "" {
		return err
	}
	if why, wrong := llama.AppendFields(nil, last); errors.Is(err, io.ErrUnexpectedEOF) && wrong == nil && len(why) == 1 {
		return errors.New(why[0].Value)
	}
	return errors.Join(decode(last), err)
}
