package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// clockAhead is the variable by which shifted programs learn how many seconds their clock
// is ahead.
const clockAhead = "LLAMA_CLOCK_AHEAD"

// shifted builds llama with a clock that may be off: nothing but the process can have its
// own, as namespaces do not give one. The standard library's time.Now is exchanged for
// that, and nothing else, so all is built anew: it takes minutes of a processor.
func shifted(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("there is no Go to build with: %v", err)
	}
	clock := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(clock)
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for _, change := range [][2]string{
		{"import (\n", "import (\n\t\"syscall\"\n"},
		{"sec, nsec, mono := runtimeNow()\n\tif", "sec, nsec, mono := runtimeNow()\n\tsec += clockAhead\n\tif"},
	} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("time.Now of %s is written in another way than this test knows: %q", runtime.Version(), change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	text += `
var clockAhead = func() (seconds int64) {
	text, _ := syscall.Getenv("` + clockAhead + `")
	sign := int64(1)
	for _, c := range text {
		if c == '-' {
			sign = -1
		} else {
			seconds = 10*seconds + int64(c-'0')
		}
	}
	return sign * seconds
}()
`
	dir := t.TempDir()
	changed, overlay, program := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "llama")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {clock: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{changed: text, overlay: string(replace)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build llama with a clock that may be off: %v: %s", err, out)
	}
	return program
}
