package archive

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
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

// A drawn is a kind of event as its parser leaves it: what it sets for all of them,
// and the values it cuts out of the line. A % stands for a value.
type drawn struct {
	collection string
	header     string
	message    string
	constant   []llama.Field
	cut        []string // names of the values, in their order
}

var syslogFields = []llama.Field{
	{Name: "log.syslog.priority", Value: "38", Kind: llama.Number}, {Name: "log.syslog.facility.code", Value: "4", Kind: llama.Number},
	{Name: "log.syslog.facility.name", Value: "auth"}, {Name: "log.syslog.severity.code", Value: "6", Kind: llama.Number},
	{Name: "log.syslog.severity.name", Value: "informational"},
}

var kinds = []drawn{
	{"sshd", "<38>Nov 20 12:00:00 %h sshd[%n]: ", "Failed password for invalid user %u from %a port %n ssh2", []llama.Field{
		{Name: "event.module", Value: "sshd"}, {Name: "system.auth.ssh.event", Value: "Failed"}, {Name: "system.auth.ssh.method", Value: "password"},
		{Name: "event.action", Value: "ssh_login"}, {Name: "event.category", Value: `["authentication"]`, Kind: llama.Array},
		{Name: "event.type", Value: `["info"]`, Kind: llama.Array}, {Name: "event.outcome", Value: "failure"},
	}, []string{"host.name", "process.pid", "user.name", "source.ip", "source.port"}},
	{"cisco-asa", "<166>Nov 20 2026 12:00:00 %h : ", "%ASA-6-302014: Teardown TCP connection %n for outside:%a/%n to inside:%a/%n duration 0:01:07 bytes %n TCP FINs", []llama.Field{
		{Name: "event.module", Value: "cisco"}, {Name: "event.dataset", Value: "cisco.asa"}, {Name: "event.code", Value: "302014", Kind: llama.Number},
		{Name: "event.action", Value: "flow-expiration"}, {Name: "event.category", Value: `["network"]`, Kind: llama.Array},
		{Name: "event.type", Value: `["connection","end"]`, Kind: llama.Array}, {Name: "network.transport", Value: "tcp"},
		{Name: "network.iana_number", Value: "6", Kind: llama.Number}, {Name: "event.reason", Value: "TCP FINs"},
	}, []string{"host.name", "cisco.asa.connection_id", "source.ip", "source.port", "destination.ip", "destination.port", "network.bytes"}},
	{"nginx-access", "<190>Nov 20 12:00:00 %h nginx[%n]: ", `%a - %u [20/Nov/2026:12:00:00 +0000] "GET /item/%n HTTP/1.1" 200 %n "-" "Mozilla/5.0 (X11; Linux x86_64)"`, []llama.Field{
		{Name: "event.module", Value: "nginx"}, {Name: "http.request.method", Value: "GET"}, {Name: "http.version", Value: "1.1"},
		{Name: "http.response.status_code", Value: "200", Kind: llama.Number}, {Name: "event.category", Value: `["web"]`, Kind: llama.Array},
		{Name: "event.outcome", Value: "success"}, {Name: "user_agent.original", Value: "Mozilla/5.0 (X11; Linux x86_64)"},
	}, []string{"host.name", "process.pid", "source.ip", "user.name", "url.path", "http.response.body.bytes"}},
}

// corpus makes n events as they come from parsers, about 18 fields each, and the
// bytes of their lines.
func corpus(n int) (events []llama.Event, bytes int) {
	rng := rand.New(rand.NewPCG(1, 1))
	at := now.UnixNano()
	for range n {
		at += int64(rng.IntN(5_000_000))
		e := kinds[rng.IntN(len(kinds))].event(rng, llama.Time(at))
		events = append(events, e)
		bytes += len(e.Message) + 40
	}
	return events, bytes
}

// event draws an event. Its message and values share the memory of its line.
func (d *drawn) event(rng *rand.Rand, at llama.Time) llama.Event {
	var places [][2]int
	line := d.header + d.message
	text := []byte{}
	start := 0
	for i := 0; i < len(line); i++ {
		if i == len(d.header) {
			start = len(text)
		}
		if line[i] != '%' || line[i+1] == 'A' {
			text = append(text, line[i])
			continue
		}
		i++
		from := len(text)
		switch line[i] {
		case 'h':
			text = fmt.Appendf(text, "host-%02d.example.org", rng.IntN(40))
		case 'u':
			text = fmt.Appendf(text, "user%d", rng.IntN(500))
		case 'a':
			text = fmt.Appendf(text, "192.0.%d.%d", rng.IntN(4), rng.IntN(256))
		case 'n':
			text = fmt.Append(text, 1024+rng.IntN(60000))
		}
		places = append(places, [2]int{from, len(text)})
	}
	whole := string(text)
	e := llama.Event{Time: at, Ingested: at, Collection: d.collection, Source: "syslog-tcp 192.0.2.7", Message: whole[start:]}
	e.Fields = slices.Concat(syslogFields, d.constant)
	for i, name := range d.cut {
		e.Fields = append(e.Fields, llama.Field{Name: name, Value: whole[places[i][0]:places[i][1]]})
	}
	return e
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
	n, logged, head := 0, int64(0), int64(0)
	for i := 0; b.Loop(); i++ {
		at := i * 1000 % len(events)
		if err := a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}); err != nil {
			b.Fatal(err)
		}
		if n += 1000; n%200_000 == 0 {
			b.StopTimer()
			logged, head = a.log.Bytes(), a.Stat().HeadBytes
			if err := a.sealAll(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
	if n >= 200_000 {
		b.ReportMetric(float64(logged)/200_000, "log-bytes/event")
		b.ReportMetric(float64(head)/200_000, "head-bytes/event")
	}
}

// BenchmarkEncode makes frames of batches of 1000 events: their sections, and those
// compressed.
func BenchmarkEncode(b *testing.B) {
	events, _ := corpus(100_000)
	var e wal.Encoder
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i * 1000 % len(events)
		if _, err := e.Encode(llama.Position{}, events[at:at+1000]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(1000*b.N), "ns/event")
}

// headOf returns the head of an archive with events in it.
func headOf(b *testing.B, n int) []piece {
	events, _ := corpus(n)
	a := benchArchive(b)
	for at := 0; at < len(events); at += 1000 {
		if err := a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}); err != nil {
			b.Fatal(err)
		}
	}
	var pieces []piece
	for _, p := range a.parts {
		for _, block := range p.head {
			pieces = append(pieces, block.pieces...)
		}
	}
	return pieces
}

// BenchmarkReadRows reads the events of a head as rows, which is what sealing begins
// with.
func BenchmarkReadRows(b *testing.B) {
	pieces := headOf(b, 100_000)
	var shapes wal.Shapes
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := readPieces(&shapes, pieces, func(*column.Row) { n++ }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}

// BenchmarkViewHead turns the events of a head into columns, as the first query of
// them has to.
func BenchmarkViewHead(b *testing.B) {
	pieces := headOf(b, 100_000)
	var shapes wal.Shapes
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		builder := column.NewBuilder("c")
		for i := range pieces {
			if builder.Rows() > 1<<14 {
				builder = column.NewBuilder("c")
			}
			if err := readPieces(&shapes, pieces[i:i+1], func(r *column.Row) { builder.AddRow(r); n++ }); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
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
		for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) {
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

// BenchmarkAsk asks of many small blocks in a few segments what was asked before, so that none
// is read, and for a word that few may have, as their filters tell.
func BenchmarkAsk(b *testing.B) {
	a := open(b, benchDisk(b), newMaster(b), Options{FreeFloor: 1, BlockRows: 16, Now: time.Now})
	b.Cleanup(func() { a.Close() })
	events, _ := corpus(16 << 10)
	for at := 0; at < len(events); at += 64 {
		put(b, a, &llama.Batch{Events: events[at : at+64]})
		if at%(4<<10) == 0 {
			sealed(b, a)
		}
	}
	sealed(b, a)
	for name, text := range map[string]string{"again": "* | stats by (_collection) count() n", "rows of a word": "absent", "first of a word": "absent | stats count() n, min(_seq) m"} {
		q, err := query.Parse(text, now)
		if err != nil {
			b.Fatal(err)
		}
		pool, read := query.NewPool(query.PoolOptions{}), int64(0)
		ask := func(node string) {
			s := a.Snapshot()
			defer s.Close()
			o := query.RunOptions{NodeID: node, Pool: pool, Progress: func(p query.Progress) { read = p.Events }}
			if err := q.Lines(b.Context(), s, o, func([]byte, int) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name, func(b *testing.B) {
			ask("n")
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				read = 0
				if name == "again" {
					ask("n")
				} else {
					ask(strconv.Itoa(n)) // what is kept has it in its name
				}
			}
			if name == "again" && read > 0 {
				b.Fatalf("%d events were looked at", read)
			}
		})
	}
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

// BenchmarkTrickle puts events one by one, as syslog over UDP brings them when little
// happens.
func BenchmarkTrickle(b *testing.B) {
	const n = 20_000
	events, _ := corpus(n)
	b.ReportAllocs()
	for b.Loop() {
		a := benchArchive(b)
		before := heap()
		for i := range events {
			if err := a.Put(context.Background(), &llama.Batch{Events: events[i : i+1]}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "heap-bytes/event")
		b.ReportMetric(float64(a.Stat().HeadBytes)/n, "head-bytes/event")
		b.ReportMetric(float64(a.recent.bytes)/n, "recent-bytes/event")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/event")
}

// BenchmarkAskHead asks 120,000 events in memory, as sections of the log and packed, for the
// first time and once more.
func BenchmarkAskHead(b *testing.B) {
	events, _ := corpus(120_000)
	for _, form := range []string{"sections", "packed"} {
		a := benchArchive(b)
		for at := 0; at < len(events); at += 1000 {
			must(b, a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}))
		}
		var blocks []*headBlock
		for p := range a.heads {
			blocks = append(blocks, p.head...)
		}
		for _, block := range blocks {
			a.close(block)
		}
		if form == "packed" {
			must(b, a.pack(context.Background(), blocks))
		}
		forget := func() {
			for _, block := range blocks {
				if block.packed != nil {
					a.decoded.forget(&block.packed.held)
					block.packed = &packed{Packed: block.packed.Packed}
				} else {
					block.view = &view{}
				}
			}
		}
		for name, text := range map[string]string{
			"rare phrase": `"user77 from 192.0.2.99" | stats count() n`, "needle": `"51234" | stats count() n`,
			"by host": `* | stats by (host.name) count() n`, "by hour": `* | stats by (_time:1h) count() n`, "top": `* | stats by (source.ip) count() n | sort by (n desc) | limit 5`,
		} {
			for _, first := range []bool{true, false} {
				b.Run(fmt.Sprintf("%s/%s/first=%t", form, name, first), func(b *testing.B) {
					for b.Loop() {
						if first {
							forget()
						}
						s := a.Snapshot()
						asked(b, s, text)
						s.Close()
					}
				})
			}
		}
	}
}
