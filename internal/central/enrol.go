package central

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
	"github.com/llama-logs/llama/internal/task"
)

// enrolment lets nodes in and shuts them out, for the API.
type enrolment struct {
	c        *Central
	db       *store.Store
	attempts *auth.Attempts
}

var _ api.Enrolment = (*enrolment)(nil)

// AddCode implements api.Enrolment.
func (e *enrolment) AddCode(ctx context.Context, n api.NewCode, by string) (api.MadeCode, error) {
	code := envelope.NewCode(e.c.trust.sum, e.c.Public())
	expires := time.Now().Add(time.Duration(n.Seconds) * time.Second)
	err := e.db.AddEnrolment(ctx, store.Enrolment{ID: code.ID, Target: n.Target, Secret: code.Hash(), Uses: n.Uses, Expires: llama.At(expires), By: by})
	if err != nil {
		return api.MadeCode{}, err
	}
	return api.MadeCode{ID: code.ID, Code: code.Text(), Target: n.Target, Uses: n.Uses, Expires: expires.UTC()}, nil
}

// Codes implements api.Enrolment.
func (e *enrolment) Codes(ctx context.Context) ([]api.EnrolmentCode, error) {
	stored, err := e.db.Enrolments(ctx)
	if err != nil {
		return nil, err
	}
	codes := []api.EnrolmentCode{}
	for _, s := range stored {
		codes = append(codes, api.EnrolmentCode{
			ID: s.ID, Target: s.Target, Uses: s.Uses, Used: s.Used, Expires: std(s.Expires), Created: std(s.Created), By: s.By,
		})
	}
	return codes, nil
}

// RemoveCode implements api.Enrolment.
func (e *enrolment) RemoveCode(ctx context.Context, id string) error {
	return e.db.DeleteEnrolment(ctx, id)
}

// Join implements api.Enrolment.
func (e *enrolment) Join(ctx context.Context, r api.JoinRequest, address string) (api.JoinAnswer, error) {
	if err := e.attempts.Begin(address); err != nil {
		return api.JoinAnswer{}, err
	}
	about, err := e.c.joined()
	if err != nil {
		return api.JoinAnswer{}, err
	}
	sealed, err := e.c.tasks.AnswerJoining(ctx, r.Keys, r.Envelope, &about)
	if err != nil {
		return api.JoinAnswer{}, err
	}
	e.attempts.Succeed(address)
	return api.JoinAnswer{Envelope: sealed, Node: about.Node, Target: about.Target}, nil
}

// Revoke implements api.Enrolment.
func (e *enrolment) Revoke(ctx context.Context, node string) error {
	return e.c.tasks.Revoke(ctx, node)
}

// BrokerConfig implements api.Enrolment.
func (e *enrolment) BrokerConfig(context.Context) (string, error) {
	secrets, err := carrier.SecretsOf(e.c.identity)
	if err != nil {
		return "", err
	}
	return secrets.Config(), nil
}

// joined is what every node is told that joins.
func (c *Central) joined() (task.Joined, error) {
	j := task.Joined{Brokers: c.o.Broker.URLs}
	if c.broker != nil && c.broker.URL() != "" {
		_, port, err := net.SplitHostPort(hostOf(c.broker.URL()))
		if err != nil {
			return j, err
		}
		if j.Port, err = strconv.Atoi(port); err != nil {
			return j, err
		}
	}
	j.Authority = string(c.trust.pem)
	if file := c.o.Broker.CA; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return j, fmt.Errorf("broker.ca: %w", err)
		}
		j.Authority += string(text)
	}
	return j, nil
}

// authority is who signs central's certificate. Its zero value says that any will
// do that the machine trusts.
type authority struct {
	sum [sha256.Size]byte
	pem []byte
}

// findAuthority returns the one that nodes have to know: our own, or the last of the
// certificates that were given unless every machine knows it.
func (c *Central) findAuthority() (authority, error) {
	if !c.secure && (c.broker == nil || c.broker.URL() == "") {
		return authority{}, nil // all on loopback
	}
	config, err := c.TLS()
	if err != nil {
		return authority{}, err
	}
	var last *x509.Certificate
	if c.ca != nil {
		last = c.ca.Certificate()
	} else {
		chain := config.Certificates[0].Certificate
		if last, err = x509.ParseCertificate(chain[len(chain)-1]); err != nil {
			return authority{}, fmt.Errorf("read central's certificate: %w", err)
		}
		if _, err := last.Verify(x509.VerifyOptions{}); err == nil {
			return authority{}, nil
		}
	}
	return authority{sum: sha256.Sum256(last.Raw), pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: last.Raw})}, nil
}
