package parse

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/parsers.md anew")

func TestReferenceIsUpToDate(t *testing.T) {
	t.Parallel()
	const page = "../../docs/parsers.md"
	var b bytes.Buffer
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is stale; go test ./internal/parse -update", page)
	}
}

func TestTheExampleOfThePageIsRight(t *testing.T) {
	t.Parallel()
	_, text, _ := strings.Cut(referenceHead, "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	m, err := readModule("gatekeeper.yaml", []byte(text), newEnv(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Test(); err != nil {
		t.Error(err)
	}
}
