package node

import (
	"context"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/query"
)

// QueryOptions are the budgets of queries, whoever asks. What goes beyond is refused
// with an error that names the budget.
type QueryOptions struct {
	Memory    config.Size   `yaml:"memory" doc:"Memory of one query, roughly."`
	MemoryAll config.Size   `yaml:"memory_all" doc:"Memory of all queries together, roughly."`
	Time      time.Duration `yaml:"time" doc:"How long one query may run."`
	Read      config.Size   `yaml:"read" doc:"What one query may read from disk. Default: no limit."`
	Rows      int           `yaml:"rows" doc:"Rows of one answer, where rows and not groups are asked for. Default: no limit."`
	Workers   int           `yaml:"workers" doc:"Blocks that all queries together work on at once; a question takes its turn for each block. Default: as many as there are processors."`
}

func defaultQueries() QueryOptions {
	return QueryOptions{Memory: 512 * config.MiB, MemoryAll: config.GiB, Time: 15 * time.Minute}
}

// Validate says which option is wrong.
func (o *QueryOptions) Validate() error {
	switch {
	case o.Memory != 0 && o.Memory < config.MiB:
		return config.Wrong("memory", "%s is too little; at least 1MiB", o.Memory)
	case o.MemoryAll != 0 && o.MemoryAll < o.Memory:
		return config.Wrong("memory_all", "%s is less than the %s that one query may take", o.MemoryAll, o.Memory)
	case o.Time < 0:
		return config.Wrong("time", "%s is negative; e.g. 15m", config.FormatDuration(o.Time))
	case o.Rows < 0:
		return config.Wrong("rows", "%d is negative; e.g. 1000000", o.Rows)
	case o.Workers < 0:
		return config.Wrong("workers", "%d is negative; e.g. 2", o.Workers)
	}
	return nil
}

// budgets hands out what queries may take.
type budgets struct {
	o    QueryOptions
	pool *query.Pool
}

func newBudgets(o QueryOptions, a *archive.Archive) *budgets {
	d := defaultQueries()
	if o.Memory == 0 {
		o.Memory = d.Memory
	}
	if o.MemoryAll == 0 {
		o.MemoryAll = max(d.MemoryAll, o.Memory)
	}
	if o.Time == 0 {
		o.Time = d.Time
	}
	return &budgets{o: o, pool: query.NewPool(query.PoolOptions{Workers: o.Workers, MaxMemory: int64(o.MemoryAll), Busy: a.Busy})}
}

// run has a query run under its budgets.
func (b *budgets) run(ctx context.Context, node string, do func(context.Context, query.RunOptions) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, b.o.Time, llama.Errorf(llama.TooLarge,
		"the query has taken the %s that it may run here; narrow the time range or the filters", config.FormatDuration(b.o.Time)))
	defer cancel()
	return do(ctx, query.RunOptions{
		NodeID: node, MaxMemory: int64(b.o.Memory), MaxRead: int64(b.o.Read), MaxRows: b.o.Rows, Pool: b.pool,
	})
}
