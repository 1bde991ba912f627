package receive_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/receive"
)

// patience is a sink that keeps how many events each batch had, and whether it was patient.
// While held is open the first Put waits.
type patience struct {
	held    chan struct{}
	mu      sync.Mutex
	events  []int
	patient []bool
	came    chan struct{} // has something after each Put
}

func (s *patience) Put(_ context.Context, b *llama.Batch) error {
	if s.held != nil {
		<-s.held
	}
	s.mu.Lock()
	s.events, s.patient = append(s.events, len(b.Events)), append(s.patient, b.Patient)
	s.mu.Unlock()
	select {
	case s.came <- struct{}{}:
	default:
	}
	return nil
}

// until waits for so many events, and returns how many each batch had and which were patient.
func (s *patience) until(n int) (events []int, patient []bool) {
	for sum := 0; sum < n; {
		<-s.came
		s.mu.Lock()
		sum, events, patient = 0, s.events, s.patient
		for _, e := range events {
			sum += e
		}
		s.mu.Unlock()
	}
	return events, patient
}

const patientLine = "Jan  2 03:04:05 host app: a line that somebody has written\n"

// TestFileThatIsBehindIsReadAtOnce follows a file that has a MiB already: it is read in few
// batches, none of which but the last may wait for others, and what is written later may.
func TestFileThatIsBehindIsReadAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	lines := (1 << 20) / len(patientLine)
	write(t, path, strings.Repeat(patientLine, lines))
	sink := &patience{came: make(chan struct{}, 1)}
	run(t, openFiles(t, receive.FilesOptions{Paths: []string{path}}), sink)
	events, patient := sink.until(lines)
	if len(events) > 12 {
		t.Errorf("a MiB was read in %d batches, of %d events", len(events), events)
	}
	for i, is := range patient[:len(patient)-1] {
		if is {
			t.Errorf("batch %d of %d may wait, and there was more to read", i, len(patient))
		}
	}
	write(t, path, patientLine)
	if _, patient := sink.until(lines + 1); !patient[len(patient)-1] {
		t.Error("a line that came by itself may not wait for others")
	}
}

// TestPeerWithMoreIsReadAtOnce sends a line, and much more while that is put: only the first
// may wait for others.
func TestPeerWithMoreIsReadAtOnce(t *testing.T) {
	t.Parallel()
	s := openTCP(t, receive.SyslogTCPOptions{})
	sink := &patience{came: make(chan struct{}, 1), held: make(chan struct{})}
	run(t, s, sink)
	conn := dial(t, s.Addr())
	if _, err := conn.Write([]byte(patientLine)); err != nil {
		t.Fatal(err)
	}
	lines := (256 << 10) / len(patientLine)
	if _, err := conn.Write([]byte(strings.Repeat(patientLine, lines))); err != nil {
		t.Fatal(err)
	}
	close(sink.held)
	events, patient := sink.until(1 + lines)
	for i, n := range events {
		if n*len(patientLine) > 16<<10 && patient[i] {
			t.Errorf("batch %d, of %d events, may wait, and there was more to read", i, n)
		}
	}
	if len(events) > 8 || !patient[0] && events[0] == 1 {
		t.Errorf("%d batches, of %d events; patient: %v", len(events), events, patient)
	}
}

// TestDatagramsAreAsPatientAsTheirBuffer: one datagram waits for others only where the kernel
// keeps many meanwhile.
func TestDatagramsAreAsPatientAsTheirBuffer(t *testing.T) {
	t.Parallel()
	for _, buffer := range []config.Size{64 * config.KiB, 8 * config.MiB} {
		s := openUDP(t, receive.SyslogUDPOptions{Buffer: buffer})
		sink := &patience{came: make(chan struct{}, 1)}
		run(t, s, sink)
		if _, err := dial(t, s.Addr()).Write([]byte(patientLine)); err != nil {
			t.Fatal(err)
		}
		_, patient := sink.until(1)
		if patient[0] && buffer < config.MiB {
			t.Error("with a small buffer a datagram waits")
		}
		if !patient[0] && buffer > config.MiB {
			if os.Geteuid() != 0 {
				t.Skip("the system's limit of buffers can be passed by root only")
			}
			t.Error("with a large buffer a datagram does not wait")
		}
	}
}
