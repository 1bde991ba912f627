package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/task"
)

// A Membership is what a node knows of the central it has joined.
type Membership struct {
	task.Joined
	URL     string `json:"url"`     // of the page it joined at
	Central []byte `json:"central"` // public keys
}

// The membership is a file in the node's folder, sealed under its keyring and bound
// to the machine.
const (
	membershipFile = "membership"
	maxMembership  = 1 << 20
)

// ErrNotJoined says that a data directory has joined no central.
var ErrNotJoined = errors.New("the data directory has joined no central yet; 'llama target add' at central prints a code, and 'llama node join URL --code CODE' uses it")

var errElsewhere = llama.Errorf(llama.Forbidden, "the data directory has joined on another machine (or its membership is damaged); join again with 'llama node join', with a new code")

func sealMembership(files fsys.FS, keys *seal.Keyring, machine []byte, m *Membership) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode membership: %w", err)
	}
	key, err := keys.Key(membershipFile)
	if err != nil {
		return fmt.Errorf("seal membership: %w", err)
	}
	return fsys.Replace(files, membershipFile, key.SealBlob(membershipFile, text, machine))
}

func unsealMembership(files fsys.FS, keys *seal.Keyring, machine []byte) (*Membership, error) {
	sealed, err := fsys.ReadFile(files, membershipFile, maxMembership)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotJoined
	}
	if err != nil {
		return nil, fmt.Errorf("read membership: %w", err)
	}
	key, err := keys.Key(membershipFile)
	if err != nil {
		return nil, fmt.Errorf("unseal membership: %w", err)
	}
	text, err := key.UnsealBlob(membershipFile, sealed, machine)
	if err != nil {
		return nil, errElsewhere
	}
	m := &Membership{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("read membership: %w", err)
	}
	return m, nil
}

// JoinOptions say whom to join, and for which data directory. The directory is the
// caller's alone.
type JoinOptions struct {
	Data    string
	Master  seal.Master
	URL     string
	Code    envelope.Code
	Uplink  UplinkOptions
	Version string
}

// JoinCentral makes the node of a data directory one of the target that a code is
// for. A directory that has joined is refused, except on another machine: there it joins with
// new keys.
func JoinCentral(ctx context.Context, o JoinOptions) (*Membership, error) {
	here, err := machine(o.Uplink.MachineID)
	if err != nil {
		return nil, err
	}
	files, err := fsys.Dir(filepath.Join(o.Data, "node"))
	if err != nil {
		return nil, fmt.Errorf("open the node's folder: %w", err)
	}
	defer files.Close()
	keys, err := seal.OpenKeyring(files, "keyring", o.Master)
	if err != nil {
		return nil, fmt.Errorf("open the node's keyring: %w", err)
	}
	defer keys.Close()
	old, err := unsealMembership(files, keys, here)
	switch {
	case err == nil:
		return nil, llama.Errorf(llama.Conflict, "%s has joined %s already, as node %s of target %s; name another directory with --data", o.Data, old.URL, old.Node, old.Target)
	case errors.Is(err, errElsewhere): // the keys of there stay there
		if err := files.Remove(identityFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove the other machine's keys: %w", err)
		}
		if err := dropNext(files); err != nil {
			return nil, err
		}
	case !errors.Is(err, ErrNotJoined):
		return nil, err
	}
	own, err := envelope.OpenIdentity(files, identityFile, keys)
	if err != nil {
		return nil, err
	}
	m := &Membership{URL: strings.TrimRight(o.URL, "/"), Central: o.Code.Central.Bytes()}
	if m.Joined, err = exchange(ctx, o, own); err != nil {
		return nil, err
	}
	return m, sealMembership(files, keys, here, m)
}

// exchange asks central, and returns what it has answered.
func exchange(ctx context.Context, o JoinOptions, own *envelope.Identity) (task.Joined, error) {
	c, err := client.New(client.Options{URL: o.URL})
	if err != nil {
		return task.Joined{}, err
	}
	defer c.Close()
	proxy, err := o.Uplink.proxy()
	if err != nil {
		return task.Joined{}, err
	}
	c.Pin(o.Code.Authority, proxy)
	sealed, err := task.SealJoining(own, o.Code, o.Version)
	if err != nil {
		return task.Joined{}, err
	}
	answer, err := c.Join(ctx, client.JoinRequest{Keys: own.Public().Bytes(), Envelope: sealed})
	if err != nil {
		return task.Joined{}, err
	}
	return task.OpenJoined(own, o.Code.Central, answer)
}

// RunJoined is Run for a node that has joined a central elsewhere.
func (n *Node) RunJoined(ctx context.Context) error {
	central, err := envelope.ParsePublic(n.member.Central)
	if err != nil {
		return fmt.Errorf("read central's keys: %w", err)
	}
	key, err := carrier.KeyOf(n.identity)
	if err != nil {
		return err
	}
	link, err := n.o.Uplink.open(n.member, key, n.o.Log)
	if err != nil {
		return err
	}
	runner := n.newRunner(Join{Central: central, Target: n.member.Target, Link: link})
	n.rotation.Store(&rotation{
		offer: func(ctx context.Context, next *envelope.Identity) error { return runner.OfferKeys(ctx, n.id, next) },
		use: func(key carrier.Key) {
			runner.UseKeys()
			link.UseKey(key)
		},
	})
	return n.run(ctx, runner)
}
