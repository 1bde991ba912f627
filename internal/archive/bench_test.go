package archive

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
)

// unsynced is a disk that need not be waited for, so that benchmarks measure us.
type unsynced struct{ fsys.FS }

func (u unsynced) Create(name string) (fsys.File, error) {
	f, err := u.FS.Create(name)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ fsys.File }

func (unsyncedFile) Sync() error { return nil }

func benchDisk(b *testing.B) fsys.FS {
	disk, err := fsys.Dir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { disk.Close() })
	return unsynced{disk}
}

// corpus makes n logins as parsed from sshd by syslog, and the bytes they came in.
func corpus(n int) (events []llama.Event, bytes int) {
	rng := rand.New(rand.NewPCG(1, 1))
	at := now.UnixNano()
	for range n {
		at += int64(rng.IntN(5_000_000))
		ip, port, pid := fmt.Sprintf("192.0.%d.%d", rng.IntN(4), rng.IntN(256)), fmt.Sprint(1024+rng.IntN(60000)), fmt.Sprint(rng.IntN(32768))
		user, host := fmt.Sprintf("user%d", rng.IntN(500)), fmt.Sprintf("host-%02d.example.org", rng.IntN(40))
		message := fmt.Sprintf("Failed password for invalid user %s from %s port %s ssh2", user, ip, port)
		bytes += len(message) + len(host) + 34
		events = append(events, llama.Event{
			Time: llama.Time(at), Ingested: llama.Time(at), Collection: "sshd", Source: "syslog-tcp 192.0.2.7", Message: message,
			Fields: []llama.Field{
				{Name: "host.name", Value: host}, {Name: "process.name", Value: "sshd"}, {Name: "process.pid", Value: pid, Kind: llama.Number},
				{Name: "log.syslog.priority", Value: "38", Kind: llama.Number}, {Name: "event.action", Value: "ssh_login"},
				{Name: "event.outcome", Value: "failure"}, {Name: "user.name", Value: user}, {Name: "source.ip", Value: ip},
				{Name: "source.port", Value: port, Kind: llama.Number},
			},
		})
	}
	return events, bytes
}

func benchArchive(b *testing.B) *Archive {
	a, err := Open(benchDisk(b), newMaster(b), Options{FreeFloor: 1, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Close() })
	return a
}

// BenchmarkPut puts batches of 1000 events. Heads are sealed on the way, by whoever
// puts, when memory is used up; so this is all there is to do for an event.
func BenchmarkPut(b *testing.B) {
	events, _ := corpus(100_000)
	a := benchArchive(b)
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	for i := 0; b.Loop(); i++ {
		at := i * 1000 % len(events)
		if err := a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}); err != nil {
			b.Fatal(err)
		}
		n += 1000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	if err := a.sealAll(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(a.Stat().SegmentBytes)/float64(n), "bytes/event")
}

// BenchmarkPutLog is the part of Put that a sender waits for.
func BenchmarkPutLog(b *testing.B) {
	events, _ := corpus(100_000)
	a := benchArchive(b)
	b.ReportAllocs()
	n, logged := 0, int64(0)
	for i := 0; b.Loop(); i++ {
		at := i * 1000 % len(events)
		if err := a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}); err != nil {
			b.Fatal(err)
		}
		if n += 1000; n%200_000 == 0 {
			b.StopTimer()
			logged += a.log.Bytes()
			if err := a.sealAll(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	if n >= 200_000 {
		b.ReportMetric(float64(logged)/float64(n-n%200_000), "log-bytes/event")
	}
}

// BenchmarkScan decodes all columns of a sealed archive.
func BenchmarkScan(b *testing.B) {
	events, _ := corpus(400_000)
	a := benchArchive(b)
	for at := 0; at < len(events); at += 1000 {
		if err := a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}); err != nil {
			b.Fatal(err)
		}
	}
	if err := a.sealAll(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		s := a.Snapshot()
		for _, ref := range s.Refs("", math.MinInt64, math.MaxInt64) {
			block, err := ref.Read(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			for _, name := range block.Names {
				if _, err := block.Load(name); err != nil {
					b.Fatal(err)
				}
			}
		}
		s.Close()
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(a.Stat().SegmentBytes)/float64(len(events)), "bytes/event")
}

// BenchmarkRecover opens an archive whose events are all in the log.
func BenchmarkRecover(b *testing.B) {
	events, _ := corpus(100_000)
	disk, m := benchDisk(b), newMaster(b)
	a, err := Open(disk, m, Options{FreeFloor: 1})
	if err != nil {
		b.Fatal(err)
	}
	for at := 0; at < len(events); at += 1000 {
		if err := a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		a.lock.Close() // as a crash would
		if a, err = Open(disk, m, Options{FreeFloor: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
	a.Close()
}
