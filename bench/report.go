package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is what one command found out.
type report struct {
	Bench   string    `json:"bench"`
	Date    time.Time `json:"date"`
	Machine string    `json:"machine"`
	Corpus  string    `json:"corpus"`
	Systems []string  `json:"systems"` // the columns; the first is LLAMA
	Rows    []row     `json:"rows"`
	Summary []string  `json:"summary,omitempty"`
	Wrong   []string  `json:"wrong,omitempty"` // answers
	Notes   []string  `json:"notes,omitempty"`
}

// A row is one figure of each system.
type row struct {
	What   string             `json:"what"`
	Unit   string             `json:"unit"`
	More   bool               `json:"more_is_better,omitempty"`
	Values map[string]float64 `json:"values"` // by system; what is missing was not measured
	Answer string             `json:"answer,omitempty"`
}

func newReport(c string, systems ...string) *report {
	return &report{Date: time.Now().UTC().Truncate(time.Second), Machine: machine(), Corpus: c, Systems: systems}
}

// set puts a figure of a system into the row of that name, which is made when it
// is new.
func (r *report) set(system, what, unit string, value float64) *row {
	if !slices.Contains(r.Systems, system) {
		r.Systems = append(r.Systems, system)
	}
	i := slices.IndexFunc(r.Rows, func(x row) bool { return x.What == what })
	if i < 0 {
		i = len(r.Rows)
		r.Rows = append(r.Rows, row{What: what, Unit: unit, Values: map[string]float64{}})
	}
	r.Rows[i].Values[system] = value
	return &r.Rows[i]
}

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// times returns how many times better LLAMA is than a peer; NaN: not known.
func (r *report) times(x row, peer string) float64 {
	ours, ok := x.Values[r.Systems[0]]
	theirs, ok2 := x.Values[peer]
	switch {
	case !ok || !ok2 || ours == 0 || theirs == 0:
		return math.NaN()
	case x.More:
		return ours / theirs
	}
	return theirs / ours
}

// medians returns the reports' common rows with the median of each figure.
func medians(all []*report) *report {
	m := *all[0]
	m.Rows = nil
	for _, x := range all[0].Rows {
		y := x
		y.Values = map[string]float64{}
		for system := range x.Values {
			var values []float64
			for _, r := range all {
				i := slices.IndexFunc(r.Rows, func(z row) bool { return z.What == x.What })
				if i < 0 {
					continue
				}
				if v, ok := r.Rows[i].Values[system]; ok {
					values = append(values, v)
				}
			}
			y.Values[system] = median(values)
		}
		m.Rows = append(m.Rows, y)
	}
	if len(all) > 1 {
		m.note("medians of %d runs", len(all))
	}
	return &m
}

// median is the middle one, or the lower of the two in the middle.
func median[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// quantile is the value that a share of all values is not above.
func quantile(sorted []time.Duration, share float64) time.Duration {
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[max(0, min(i, len(sorted)-1))]
}

func (r *report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(out, "%s, %s\n%s\n%s\n\n", r.Bench, r.Date.Format(time.DateOnly), r.Machine, r.Corpus)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	cells := []string{"", "unit"}
	cells = append(cells, r.Systems...)
	for _, peer := range r.Systems[1:] {
		cells = append(cells, "x "+peer)
	}
	if answers := slices.ContainsFunc(r.Rows, func(x row) bool { return x.Answer != "" }); answers {
		cells = append(cells, "answer")
	}
	fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
	for _, x := range r.Rows {
		cells = []string{x.What, x.Unit}
		for _, system := range r.Systems {
			cells = append(cells, figure(x.Values[system], x.Values, system))
		}
		for _, peer := range r.Systems[1:] {
			cells = append(cells, ratio(r.times(x, peer)))
		}
		if x.Answer != "" {
			cells = append(cells, x.Answer)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, line := range slices.Concat(r.Summary, r.Wrong, r.Notes) {
		fmt.Fprintln(out, line)
	}
	return nil
}

// figure prints three digits that matter, and all before the point.
func figure(v float64, values map[string]float64, system string) string {
	if _, ok := values[system]; !ok {
		return ""
	}
	switch a := math.Abs(v); {
	case a >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func ratio(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	load := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(text), " ")
		load = ", load " + load + " before"
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s%s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), load)
}
