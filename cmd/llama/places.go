package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Where things lie when nothing else is said. The key is never inside the data
// directory: a stolen disk or backup of the data alone stays closed.

// defaultData is $STATE_DIRECTORY under systemd, else the user's own.
func defaultData() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "llama")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "llama")
	}
	return "llama-data"
}

func defaultMasterKey() string {
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "llama", "master.key")
	}
	return "llama-master.key"
}

func ingestTokenFile(data string) string { return filepath.Join(data, "ingest-token") }

func socketFile(data string) string { return filepath.Join(data, "node.sock") }

func passwordFile(data string) string { return filepath.Join(data, "initial-admin-password") }

func caFile(data string) string { return filepath.Join(data, "ca.pem") }

// listening is what a running process says of itself to commands on the same
// machine: the addresses it got, which may differ from those it was told. What
// listens on all addresses is localhost here, the name that certificates know.
type listening struct {
	PID       int    `json:"pid"`
	Page      string `json:"page"`       // a URL; empty without central
	Broker    string `json:"broker"`     // a URL; empty when the page's port is the only way
	Syslog    string `json:"syslog"`     // host:port, TCP and UDP
	SyslogTLS string `json:"syslog_tls"` // host:port
	Ingest    string `json:"ingest"`     // host:port
	IngestTLS bool   `json:"ingest_tls"`
}

// fromHere returns how programs on this machine reach an address that something
// listens on.
func fromHere(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return addr.String()
}

func listeningFile(data string) string { return filepath.Join(data, "listening.json") }

func (l listening) write(data string) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", listeningFile(data), err)
	}
	temporary := listeningFile(data) + ".tmp"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", temporary, err)
	}
	return os.Rename(temporary, listeningFile(data))
}

// announce writes the file. While the disk is full that is a warning, as a process that
// answers from what it has is of use, and later is to be run until ctx ends: it writes
// the file as soon as there is room.
func (l listening) announce(data string, log *slog.Logger) (later func(ctx context.Context) error, _ error) {
	err := l.write(data)
	if !errors.Is(err, syscall.ENOSPC) {
		return func(context.Context) error { return nil }, err
	}
	log.Warn("the disk is full, and commands on this machine do not find this process", "error", err)
	return func(ctx context.Context) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for errors.Is(err, syscall.ENOSPC) {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				err = l.write(data)
			}
		}
		return err
	}, nil
}

func readListening(data string) (listening, error) {
	text, err := os.ReadFile(listeningFile(data))
	if errors.Is(err, fs.ErrNotExist) {
		return listening{}, fmt.Errorf("nothing runs on the data directory %s; start it with 'llama up --data %s', or name another with --data", data, data)
	}
	var l listening
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		return listening{}, fmt.Errorf("read %s: %w", listeningFile(data), err)
	}
	return l, nil
}

// readFile reads a file, or standard input when that is "-".
func readFile(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

// readSecret reads a token or password from a file, without the end of its line.
func readSecret(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return "", fmt.Errorf("%s is empty", file)
	}
	return string(text), nil
}

func orDefault(text, def string) string {
	if text == "" {
		return def
	}
	return text
}

func host(address string) string {
	host, _, _ := net.SplitHostPort(address) // it comes from a listener
	return host
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address) // it comes from a listener
	return port
}
