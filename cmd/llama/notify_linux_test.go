package main

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestNotifyTellsSystemd starts the whole as systemd does, and listens.
func TestNotifyTellsSystemd(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	i := newInstance(t, t.TempDir(), "")
	i.cmd = i.llama("up", "-c", i.config())
	i.cmd.Env = append(i.cmd.Env, "NOTIFY_SOCKET="+socket)
	i.cmd.Stderr = &i.said
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	heard := func(want string) {
		t.Helper()
		if err := listener.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 64)
		n, err := listener.Read(text)
		if err != nil || string(text[:n]) != want {
			t.Errorf("heard %q, %v; want %q", text[:n], err, want)
		}
	}
	heard("READY=1")
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	heard("STOPPING=1")
	if err := i.cmd.Wait(); err != nil {
		t.Error(err)
	}
	i.cmd = nil
}
