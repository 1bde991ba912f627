package archive

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The keys of log files are sealed under a key of the keyring that is called "log",
// and is replaced by "log/2", "log/3" and so on whenever days' keys are destroyed. So
// an old copy of a log file opens no longer than the days whose events it holds.
//
// Invariant: there is a log key as long as a log file or the checkpoint needs it.

const logKeyID = "log"

// logKeyName returns the id of the n-th log key, from 1.
func logKeyName(n uint64) string {
	if n == 1 {
		return logKeyID
	}
	return logKeyID + "/" + strconv.FormatUint(n, 10)
}

// logKeyNumber is the reverse of logKeyName, and returns 0 for other ids.
func logKeyNumber(id string) uint64 {
	if id == logKeyID {
		return 1
	}
	digits, _ := strings.CutPrefix(id, logKeyID+"/")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || logKeyName(n) != id {
		return 0
	}
	return n
}

// openLogKeys finds the log keys, or makes the first.
func (a *Archive) openLogKeys() error {
	numbers := a.logKeyNumbers()
	if len(numbers) == 0 {
		numbers = []uint64{1}
	}
	for _, n := range numbers {
		key, err := a.keyring.Key(logKeyName(n))
		if err != nil {
			return err
		}
		a.logKeys, a.logKeyN = append(a.logKeys, key), n
	}
	return nil
}

// logKeyNumbers returns the numbers of the log keys in the keyring, ascending.
func (a *Archive) logKeyNumbers() []uint64 {
	var numbers []uint64
	for id := range a.keyring.All() {
		if n := logKeyNumber(id); n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// renewLogKey begins a new log file, under a new log key. The caller holds sealing
// and leads.
func (a *Archive) renewLogKey() error {
	key, err := a.keyring.Key(logKeyName(a.logKeyN + 1))
	if err != nil {
		return err
	}
	if a.renewed, err = a.log.Renew(key); err != nil {
		return err
	}
	a.logKeyN++
	a.logKeys = append(slices.Clip(a.logKeys), key)
	return nil
}

// oldLogKeys reports whether there are log keys that no file needs, when oldest is the
// oldest log file and the checkpoint is written anew. The caller holds sealing.
func (a *Archive) oldLogKeys(oldest uint64) bool {
	return len(a.logKeys) > 1 && a.renewed > 0 && oldest >= a.renewed
}

// dropLogKeys destroys all log keys but the newest. The caller holds sealing.
func (a *Archive) dropLogKeys() error {
	var old []string
	for _, n := range a.logKeyNumbers() {
		if n < a.logKeyN {
			old = append(old, logKeyName(n))
		}
	}
	if err := a.keyring.Destroy(old...); err != nil {
		return fmt.Errorf("destroy the keys of log files that are gone: %w", err)
	}
	a.logKeys = a.logKeys[len(a.logKeys)-1:]
	return nil
}
