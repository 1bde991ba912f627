package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/llama-logs/llama"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	signIns  *prometheus.CounterVec
	// unrecorded counts refusals of strangers that are not in the audit log.
	unrecorded prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "llama_api_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "llama_api_request_seconds", Help: "Time until a request was answered, streams until they ended.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 60},
		}, []string{"route"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "llama_api_sign_ins_total", Help: "Sign-ins, by outcome: ok, or the code of the error.",
		}, []string{"outcome"}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "llama_api_unrecorded_refusals_total", Help: "Refusals of those who had not signed in that came too fast to be in the audit log.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.seconds, m.signIns, m.unrecorded)
	}
	return m
}

func (m *metrics) signIn(err error) {
	outcome := "ok"
	if err != nil {
		if outcome = string(llama.CodeOf(err)); outcome == "" {
			outcome = codeInternal
		}
	}
	m.signIns.WithLabelValues(outcome).Inc()
}

// count counts requests by the pattern that matched them: a path is the
// sender's choice and no label.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			m.requests.WithLabelValues(route, strconv.Itoa(rec.status)).Inc()
			m.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
		}()
		next.ServeHTTP(rec, r)
	})
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Flush is for those who look for an http.Flusher, as the compression does.
func (r *recorder) Flush() {
	http.NewResponseController(r.ResponseWriter).Flush() // best effort: the peer may be gone
}

// Unwrap is what http.ResponseController looks for.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
