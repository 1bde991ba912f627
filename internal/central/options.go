package central

import (
	"context"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/store"
	"github.com/prometheus/client_golang/prometheus"
)

// Options configure central.
type Options struct {
	Listen   string        `yaml:"listen" doc:"Address of the page and the API. Plain HTTP on loopback, TLS on any other."`
	Names    []string      `yaml:"names" doc:"Host names the page is reached by, besides localhost and addresses."`
	TLS      *TLS          `yaml:"tls" doc:"A certificate of yours. Without it, addresses other than loopback get one from an authority made for this server (DATA/ca.pem)."`
	Results  ResultOptions `yaml:"results" doc:"How long and how much of queries is kept."`
	Database *Database     `yaml:"database" doc:"A PostgreSQL database for users, queries and results. Without it they are in a file of the data directory."`
	Audit    KeepOptions   `yaml:"audit" doc:"The record of what was done at central."`
	Metrics  KeepOptions   `yaml:"metrics" doc:"Central's own numbers, one a minute of each."`
	Issuers  []Issuer      `yaml:"issuers" doc:"Others whose tokens (JWT) are taken: identity providers of the company."`

	Broker BrokerOptions `yaml:"-"` // beside central in the file, as 'llama broker' has it, too

	Env `yaml:"-"`
}

// Validate says which option is wrong.
func (o *Options) Validate() error {
	if !config.IsAddress(o.Listen) {
		return config.Wrong("listen", "%q is not an address and a port; e.g. 127.0.0.1:8080", o.Listen)
	}
	return nil
}

// Database names a PostgreSQL database.
type Database struct {
	URL      string `yaml:"url" doc:"As postgres://llama@db.example.com/llama?sslmode=verify-full, without the password."`
	Password string `yaml:"password_file" doc:"File with the password, readable by its owner only; without it, none is sent."`
}

// Validate says which option is wrong.
func (d *Database) Validate() error {
	u, err := url.Parse(d.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" {
		return config.Wrong("url", "is no URL of a PostgreSQL database; e.g. postgres://llama@db.example.com/llama?sslmode=verify-full")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return config.Wrong("url", "holds a password, which others may read here; put it into password_file")
	}
	return nil
}

// open opens the database.
func (d *Database) open(ctx context.Context, keys *seal.Keyring) (*store.Store, error) {
	p := store.Postgres{URL: d.URL}
	if d.Password != "" {
		info, err := os.Stat(d.Password)
		if err != nil {
			return nil, llama.Errorf(llama.Invalid, "central.database.password_file: %w", err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			return nil, llama.Errorf(llama.Invalid, "central.database.password_file: %s has mode %04o; others may read it: chmod 600", d.Password, mode)
		}
		text, err := os.ReadFile(d.Password)
		if err != nil {
			return nil, llama.Errorf(llama.Invalid, "central.database.password_file: %w", err)
		}
		p.Password = strings.TrimRight(string(text), "\r\n")
	}
	return store.OpenPostgres(ctx, p, keys)
}

// KeepOptions say how long central keeps what concerns itself.
type KeepOptions struct {
	Retention time.Duration `yaml:"retention" doc:"How long they are kept."`
}

// Validate says which option is wrong.
func (k *KeepOptions) Validate() error {
	if k.Retention < 24*time.Hour {
		return config.Wrong("retention", "%s is too short; at least 1d", config.FormatDuration(k.Retention))
	}
	return nil
}

// Issuer is one whose tokens are taken.
type Issuer struct {
	auth.Issuer `yaml:",inline"`
}

// Validate says which option is wrong.
func (i *Issuer) Validate() error {
	if key, problem := i.Check(); key != "" {
		return config.Wrong(key, "%s", problem)
	}
	return nil
}

// TLS names a certificate.
type TLS struct {
	Cert string `yaml:"cert" doc:"File with the certificate and those that signed it, PEM."`
	Key  string `yaml:"key" doc:"File with its key, PEM."`
}

// Validate says which option is wrong.
func (t *TLS) Validate() error {
	switch {
	case t.Cert == "":
		return config.Wrong("cert", "is missing; a PEM file")
	case t.Key == "":
		return config.Wrong("key", "is missing; a PEM file")
	}
	return nil
}

// ResultOptions bound what is kept of queries.
type ResultOptions struct {
	Lifetime time.Duration `yaml:"lifetime" doc:"How long a result can be read."`
	Deadline time.Duration `yaml:"deadline" doc:"How long nodes, also those that are offline now, have to answer."`
	MaxRows  int64         `yaml:"max_rows" doc:"Rows of one result."`
	MaxSize  config.Size   `yaml:"max_size" doc:"What nodes may send for one query, compressed."`
	PerUser  int           `yaml:"per_user" doc:"Queries of one user that nodes may work on at once, and as many runs of the user's schedules. Sixteen times as many queries may wait for nodes that are away, and of each schedule as many runs; when the nodes are back they are sent all."`
}

// Validate says which option is wrong.
func (r *ResultOptions) Validate() error {
	switch {
	case r.Lifetime < time.Minute:
		return config.Wrong("lifetime", "%s is too short; at least 1m", r.Lifetime)
	case r.Deadline < time.Second:
		return config.Wrong("deadline", "%s is too short; at least 1s", r.Deadline)
	case r.MaxRows < 1:
		return config.Wrong("max_rows", "%d is too few; e.g. 1000000", r.MaxRows)
	case r.MaxSize < config.MiB:
		return config.Wrong("max_size", "%s is too small; at least 1MiB", r.MaxSize)
	case r.PerUser < 1:
		return config.Wrong("per_user", "%d is too few; e.g. 32", r.PerUser)
	}
	return nil
}

// Default returns the options that run without a file.
func Default() Options {
	return Options{
		Listen:  "127.0.0.1:8080",
		Audit:   KeepOptions{Retention: 2 * 365 * 24 * time.Hour},
		Metrics: KeepOptions{Retention: 30 * 24 * time.Hour},
		Results: ResultOptions{
			Lifetime: 7 * 24 * time.Hour,
			Deadline: 24 * time.Hour,
			MaxRows:  1_000_000,
			MaxSize:  256 * config.MiB,
			PerUser:  32,
		},
	}
}

// Env is what the process around central gives it.
type Env struct {
	Data     string      // the data directory; central's own files are in its folder central
	Master   seal.Master // opens the keyring
	Page     fs.FS       // the built page; nil for none
	Log      *slog.Logger
	Registry *prometheus.Registry // the process's; nil for one of central's own
}
