package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is a server under measurement.
type process struct {
	cmd  *exec.Cmd
	log  string // file with what it says
	peak int64  // bytes of memory; see memory
}

// A tick is the unit of CPU time in /proc, whatever the kernel's own is.
const tick = 10 * time.Millisecond

// A server is idle when it takes less than a twentieth of a core for so long.
const (
	quiet      = 2 * time.Second
	quietShare = 20
	maxSettle  = 10 * time.Minute
)

// startProcess starts a program that says what it has to say into a file.
func startProcess(ctx context.Context, log, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	p := &process{cmd: exec.CommandContext(ctx, program, args...), log: log}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

// ended is what a process says that ended before its time.
func (p *process) ended() error {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s has ended: %s", filepath.Base(p.cmd.Path), bytes.TrimSpace(text[max(0, len(text)-1000):]))
}

// cpu returns the CPU time, user and system, of the process so far.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	_, rest, ok := bytes.Cut(text, []byte(") ")) // the name may hold spaces
	fields := strings.Fields(string(rest))
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("read CPU time: %q has too few fields", text)
	}
	if fields[0] == "Z" {
		return 0, p.ended()
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return max(time.Duration(user+system)*tick, p.running()), errors.Join(err, err2)
}

// running returns the CPU time of the threads that the process has now, in nanoseconds: a
// question takes fewer ticks than can be told apart.
func (p *process) running() (sum time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid)) // the pattern is good
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		first, _, _ := bytes.Cut(text, []byte(" "))
		if ns, err := strconv.ParseInt(string(first), 10, 64); err == nil {
			sum += time.Duration(ns)
		}
	}
	return sum
}

// memory returns the most memory, in bytes, that was resident at any time, as far as
// it has been looked at. The peak of wait4 would be no use: it includes that of this
// program when it forked.
func (p *process) memory() int64 {
	p.peak = max(p.peak, p.status("VmHWM:"))
	return p.peak
}

// resident returns the memory, in bytes, that is resident now.
func (p *process) resident() int64 { return p.status("VmRSS:") }

// status returns a size that the system states of the process; 0 once it has ended.
func (p *process) status(name string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if size, ok := strings.CutPrefix(line, name); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(size), " kB"), 10, 64) // 0: not known
			return kib << 10
		}
	}
	return 0
}

// settle waits until the process is idle: until it has done all that it put off.
func (p *process) settle(ctx context.Context) error {
	for began := time.Now(); ; {
		before, err := p.cpu()
		if err != nil {
			return err
		}
		if err := pause(ctx, quiet); err != nil {
			return err
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		if after-before < quiet/quietShare {
			return nil
		}
		if time.Since(began) > maxSettle {
			return fmt.Errorf("%s is not idle after %s", filepath.Base(p.cmd.Path), maxSettle)
		}
	}
}

// stop ends the process in order and returns all the CPU time it took. It goes on
// looking at its memory until the end.
func (p *process) stop(ctx context.Context) (time.Duration, error) {
	p.memory()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stop: %w", err)
	}
	for {
		if _, err := p.cpu(); err != nil {
			break
		}
		p.memory()
		if err := pause(ctx, tick); err != nil {
			return 0, errors.Join(err, p.kill())
		}
	}
	if err := p.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("stop: %w: %w", err, p.ended())
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), nil
}

// A stopwatch takes the CPU time of a process apart.
type stopwatch struct {
	p    *process
	last time.Duration // CPU time that has been counted
}

// newStopwatch waits until a process that has just started is idle, and starts
// counting there.
func newStopwatch(ctx context.Context, p *process) (*stopwatch, error) {
	if err := p.settle(ctx); err != nil {
		return nil, err
	}
	w := &stopwatch{p: p}
	_, err := w.lap()
	return w, err
}

// lap returns the CPU seconds since the last one.
func (w *stopwatch) lap() (float64, error) {
	now, err := w.p.cpu()
	took := now - w.last
	w.last = now
	return took.Seconds(), err
}

// stop ends the process in order and returns the CPU seconds since the last lap.
func (w *stopwatch) stop(ctx context.Context) (float64, error) {
	all, err := w.p.stop(ctx)
	return (all - w.last).Seconds(), err
}

// kill ends the process at once. One that has ended is left alone.
func (p *process) kill() error {
	if p == nil || p.cmd.ProcessState != nil {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill: %w", err)
	}
	p.cmd.Wait() // says that it was killed
	return nil
}

// pause waits, or returns why not.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// patience is how long a server may take to come up.
const patience = 2 * time.Minute

// until calls ready every few milliseconds until it has no error. A process that
// ends meanwhile is not waited for.
func (p *process) until(ctx context.Context, ready func() error) error {
	for began := time.Now(); ; {
		err := ready()
		if err == nil {
			return nil
		}
		if _, gone := p.cpu(); gone != nil {
			return gone
		}
		if time.Since(began) > patience {
			return fmt.Errorf("%s is not ready after %s: %w", filepath.Base(p.cmd.Path), patience, err)
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// diskUse returns the bytes of all files below a folder.
func diskUse(folder string) (int64, error) {
	var sum int64
	err := filepath.Walk(folder, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
