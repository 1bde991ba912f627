package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/llama-logs/llama"
)

// TestAnIssuersKeysChange follows an issuer that brings a new key and takes the old one
// back, and is away for a while.
func TestAnIssuersKeysChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var shown []string // the keys that the issuer shows now; none while it is away
		read := 0
		keys := &keySet{name: "corp", log: slog.New(slog.DiscardHandler), load: func(context.Context) ([]byte, error) {
			if read++; shown == nil {
				return nil, errors.New("planted: nobody answers")
			}
			var set jose.JSONWebKeySet
			for _, kid := range shown {
				public, _, err := ed25519.GenerateKey(nil)
				if err != nil {
					t.Fatal(err)
				}
				set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: kid, Use: "sig"})
			}
			return json.Marshal(set)
		}}
		find := func(kid string, want bool) {
			t.Helper()
			_, err := keys.find(t.Context(), &jwt.Token{Header: map[string]any{"kid": kid}, Method: jwt.SigningMethodEdDSA})
			if (err == nil) != want {
				t.Errorf("at %v, the key %q: %v", time.Now(), kid, err)
			}
		}
		if _, err := keys.find(t.Context(), &jwt.Token{Header: map[string]any{"kid": "old"}}); llama.CodeOf(err) != llama.Unavailable {
			t.Errorf("before any key was read: %v", err)
		}
		shown = []string{"old"}
		time.Sleep(keysPause + time.Second)
		find("old", true)
		shown = []string{"old", "new"}
		find("new", false) // read a moment ago
		find("old", true)
		time.Sleep(keysPause + time.Second)
		find("new", true)
		shown = nil
		time.Sleep(keysAge + time.Second)
		find("new", true) // it is away: what it showed before goes on
		find("old", true)
		shown = []string{"new"}
		time.Sleep(keysPause + time.Second)
		find("old", false)
		find("new", true)
		if read != 5 {
			t.Errorf("the keys were read %d times", read)
		}
	})
}
