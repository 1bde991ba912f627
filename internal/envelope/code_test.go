package envelope

import (
	"bytes"
	"strings"
	"testing"
)

func TestCodeSurvivesItsText(t *testing.T) {
	t.Parallel()
	own, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	made := NewCode([32]byte{1, 2, 3}, own.Public())
	text := made.Text()
	for _, given := range []string{text, "  " + text + "\n", text[:60] + "\n" + text[60:]} {
		read, err := ParseCode(given)
		if err != nil {
			t.Fatalf("%q: %v", given, err)
		}
		if read.Authority != made.Authority || read.ID != made.ID || !bytes.Equal(read.Secret, made.Secret) || read.Central.ID() != own.ID() {
			t.Errorf("%q: got %+v, want %+v", given, read, made)
		}
	}
	if strings.ContainsAny(text, " +/=") {
		t.Errorf("%s does not survive a shell or a URL", text)
	}
}

func TestParseCodeRefuses(t *testing.T) {
	t.Parallel()
	own, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	text := NewCode([32]byte{}, own.Public()).Text()
	swapped := []byte(text)
	swapped[50], swapped[51] = swapped[51]^1, swapped[50]
	for _, given := range []string{"", "llama1_", text[:len(text)-1], text + "A", strings.TrimPrefix(text, "llama1_"), strings.Replace(text, "llama1_", "llama2_", 1), string(swapped)} {
		if _, err := ParseCode(given); err == nil {
			t.Errorf("%q was taken for a code", given)
		}
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	t.Parallel()
	own, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	a, errA := own.Derive("carrier")
	again, errB := own.Derive("carrier")
	b, errC := own.Derive("callout")
	if errA != nil || errB != nil || errC != nil || len(a) != 32 || !bytes.Equal(a, again) || bytes.Equal(a, b) {
		t.Errorf("got %x, %x, %x; %v %v %v", a, again, b, errA, errB, errC)
	}
}

func FuzzParseCode(f *testing.F) {
	own, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(NewCode([32]byte{}, own.Public()).Text())
	f.Add("llama1_")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := ParseCode(text)
		if err != nil {
			return
		}
		if again, err := ParseCode(code.Text()); err != nil || again.ID != code.ID || !bytes.Equal(again.Secret, code.Secret) {
			t.Errorf("%q: %+v, %v", text, again, err)
		}
	})
}
