package archive

import (
	"crypto"
	"log/slog"
	"time"

	"github.com/llama-logs/llama/internal/config"
	"github.com/prometheus/client_golang/prometheus"
)

// Options say how an archive is kept. Zero values are the documented defaults.
type Options struct {
	Retention   Retention            `yaml:"retention" doc:"How long events are kept, where a collection does not say otherwise."`
	Collections map[string]Retention `yaml:"collections" doc:"Retention of single collections. What is left out is as above."`
	Size        config.Size          `yaml:"size" doc:"The oldest days of all collections are removed when segments and write-ahead log take more disk together. Default: no limit."`
	FreeFloor   config.Size          `yaml:"free_floor" doc:"With less free disk than this, senders are told to wait. Default: 1GiB or 2 % of the disk, the larger, but no more than 10 %."`
	WhenFull    string               `yaml:"when_full" doc:"wait: at free_floor senders wait, and nothing is removed. expire: before it is reached the oldest days that are over are removed, of any collection."`
	SealAfter   time.Duration        `yaml:"seal_after" doc:"Events go from the log into a segment after this time at the latest."`
	SegmentRows int                  `yaml:"segment_rows" doc:"Events after which a segment is written."`
	HeadSize    config.Size          `yaml:"head_size" doc:"Memory for events that are not in segments yet; senders wait when it is used up."`
	LogSize     config.Size          `yaml:"log_size" doc:"Size of the write-ahead log from which on segments are written earlier; a start reads all of it."`
	AnswersSize config.Size          `yaml:"answers_size" doc:"Disk for partial answers over whole segments, so that who asks again pays for what is new only; those used longest ago go first. 1B keeps none."`

	Logger  *slog.Logger          // nil: nobody is told
	Metrics prometheus.Registerer // nil: nothing is counted
	Now     func() time.Time      // nil: time.Now
	// Signer signs the heads of the history beside the archive's own key: an Ed25519
	// key by which others know the node. Nil: nobody does.
	Signer crypto.Signer
	// NewHistory sets the history aside, as one that is damaged keeps the archive from
	// being opened, and begins another, with the roots that are there. Verify tells of it
	// until it gets a head of the new one.
	NewHistory bool

	// What follows is for tests, which want small archives to do what large ones do.

	BlockRows     int         // rows of a block; 0: 32768
	BlockSize     config.Size // bytes of a block in memory; 0: 16MiB
	LogFileSize   config.Size // 0: 32MiB
	MergedRows    int         // segments grow no larger by merging; 0: 4194304
	RecentSize    config.Size // what followers find in memory; 0: 16MiB
	DirectorySize config.Size // memory for segments' directories; 0: 32MiB
	DecodedSize   config.Size // memory for what was decoded of blocks, and kept answers; 0: 128MiB
	PositionsSize config.Size // memory for positions; 0: 32MiB
}

// Retention says how long events are kept. Zero values are the defaults.
type Retention struct {
	Age  time.Duration `yaml:"age" doc:"Whole UTC days of arrival are removed when they ended so long ago; at the earliest when the clock has gone without a jump for an hour, so that a wrong one removes nothing."`
	Size config.Size   `yaml:"size" doc:"The oldest days of a collection are removed when it takes more disk. Default: no limit."`
}

const (
	day           = 24 * time.Hour
	defaultAge    = 90 * day
	smallestFloor = config.GiB

	whenFullWait   = "wait"
	whenFullExpire = "expire"
)

// Validate says which option is wrong.
func (o *Options) Validate() error {
	for name, r := range o.Collections {
		if !ValidCollection(name) {
			return config.Wrong("collections", "%q is not the name of a collection; %s", name, collectionRule)
		}
		if err := r.Validate(); err != nil {
			return err
		}
	}
	switch {
	case o.SealAfter < 0:
		return config.Wrong("seal_after", "%s is negative; e.g. 1h", config.FormatDuration(o.SealAfter))
	case o.SegmentRows < 0:
		return config.Wrong("segment_rows", "%d is negative; e.g. 131072", o.SegmentRows)
	case o.WhenFull != "" && o.WhenFull != whenFullWait && o.WhenFull != whenFullExpire:
		return config.Wrong("when_full", "%q is not known; %s or %s", o.WhenFull, whenFullWait, whenFullExpire)
	case o.HeadSize != 0 && o.HeadSize < 16*config.MiB:
		return config.Wrong("head_size", "%s is too small; at least 16MiB", o.HeadSize)
	}
	return nil
}

// Validate says which option is wrong.
func (r Retention) Validate() error {
	if r.Age < 0 || r.Age > 0 && r.Age < day {
		return config.Wrong("age", "%s is too short; at least 1d", config.FormatDuration(r.Age))
	}
	return nil
}

// Default returns the options with their defaults written out, for those that do
// not depend on the disk.
func Default() Options {
	return Options{
		Retention: Retention{Age: defaultAge}, SealAfter: time.Hour,
		WhenFull: whenFullWait, SegmentRows: 1 << 17, HeadSize: 128 * config.MiB, LogSize: 256 * config.MiB,
		AnswersSize: 64 * config.MiB,
	}
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	d := Default()
	set(&o.Retention.Age, d.Retention.Age)
	set(&o.WhenFull, d.WhenFull)
	set(&o.SealAfter, d.SealAfter)
	set(&o.SegmentRows, d.SegmentRows)
	set(&o.HeadSize, d.HeadSize)
	set(&o.LogSize, d.LogSize)
	set(&o.AnswersSize, d.AnswersSize)
	set(&o.Logger, slog.New(slog.DiscardHandler))
	set(&o.BlockRows, 1<<15)
	set(&o.BlockSize, 16*config.MiB)
	set(&o.LogFileSize, 32*config.MiB)
	set(&o.MergedRows, 1<<22)
	set(&o.RecentSize, 16*config.MiB)
	set(&o.DirectorySize, 32*config.MiB)
	set(&o.DecodedSize, 128*config.MiB)
	set(&o.PositionsSize, 32*config.MiB)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func set[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}

// retention returns what holds for a collection.
func (o *Options) retention(collection string) Retention {
	r := o.Collections[collection]
	set(&r.Age, o.Retention.Age)
	set(&r.Size, o.Retention.Size)
	return r
}

// floor returns how much of a disk of total bytes is to stay free.
func (o *Options) floor(total int64) int64 {
	if o.FreeFloor != 0 {
		return int64(o.FreeFloor)
	}
	return min(max(int64(smallestFloor), total/50), total/10)
}
