package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/llama-logs/llama"
)

const benchEvents = 1_000_000

// benchSource is a million events as sites have them, made once from a seed.
var benchSource = sync.OnceValue(func() *Memory {
	rng := rand.New(rand.NewPCG(1, 2))
	users := make([]string, 500)
	for i := range users {
		users[i] = fmt.Sprintf("user%d", i)
	}
	statuses := []string{"200", "200", "200", "200", "301", "404", "500"}
	events := make([]llama.Event, benchEvents)
	for i := range events {
		user := users[rng.IntN(len(users))]
		ip := fmt.Sprintf("10.%d.%d.%d", rng.IntN(4), rng.IntN(16), rng.IntN(256))
		what := []string{"Accepted password", "Failed password", "Connection closed"}[rng.IntN(3)]
		took := strconv.Itoa(rng.IntN(100_000))
		events[i] = llama.Event{
			Time: llama.Time(1.7e18) + llama.Time(i)*1e6, Seq: uint64(i + 1), Collection: "sshd",
			Message: what + " for " + user + " from " + ip + " port " + took + " ssh2",
			Fields: []llama.Field{
				{Name: "user.name", Value: user}, {Name: "source.ip", Value: ip},
				{Name: "status", Value: statuses[rng.IntN(len(statuses))], Kind: llama.Number},
				{Name: "took", Value: took, Kind: llama.Number},
			},
		}
	}
	return Events(events)
})

func BenchmarkExecute(b *testing.B) {
	for _, bm := range []struct{ name, query string }{
		{"count", `* | stats count() n`},
		{"word", `Failed | stats count() n`},
		{"phrase", `"closed for user7" | stats count() n`},
		{"field", `user.name:=user7 | stats count() n`},
		{"regexp", `~"Failed .* from 10\\.3\\.1\\." | stats count() n`},
		{"by", `* | stats by (user.name, status) count() n`},
		{"by time", `* | stats by (_time:1m) count() n`},
		{"sum", `* | stats by (status) sum(took) s, max(took) m`},
		{"uniq", `* | stats count_uniq(source.ip) n`},
		{"quantile", `* | stats quantile(0.99, took) q`},
		{"top", `* | top 10 by (source.ip)`},
		{"sort", `* | sort by (took desc) limit 10`},
		{"limit", `Failed | limit 100`},
		{"extract", `* | extract "from <ip> port" | stats by (ip) count() n`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			q, err := Parse(bm.query, testNow)
			if err != nil {
				b.Fatal(err)
			}
			src := benchSource()
			b.ReportAllocs()
			for b.Loop() {
				if err := q.Execute(context.Background(), src, RunOptions{}, func(Row) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEvents, "ns/event")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	const text = `error user.name:root -_collection:in(web,mail) _time:1h | stats by (host.name, _time:5m) count() n | sort by (n desc) | limit 10`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, testNow); err != nil {
			b.Fatal(err)
		}
	}
}
