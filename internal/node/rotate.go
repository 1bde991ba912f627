package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
)

// nextIdentityFile has keys that the node is about to change to.
const nextIdentityFile = "identity.next"

// rotateWait is how long central may take to note new keys.
const rotateWait = 30 * time.Second

// A rotation is what changing keys needs of a node that runs.
type rotation struct {
	offer func(context.Context, *envelope.Identity) error
	use   func(carrier.Key)
}

// Rotate changes the node's keys. At every moment either the old or the new are
// good, or both, also across a crash: new keys are on disk before central hears of them,
// and in force on disk only once central has noted them.
func (n *Node) Rotate(ctx context.Context) error {
	if n.member == nil {
		return llama.Errorf(llama.Conflict, "the node is in one process with its central; only one that has joined changes its keys")
	}
	n.rotating.Lock()
	defer n.rotating.Unlock()
	r := n.rotation.Load()
	if r == nil {
		return llama.Errorf(llama.Unavailable, "the node is not running yet")
	}
	next, err := envelope.OpenIdentity(n.files, nextIdentityFile, n.keys)
	if err != nil {
		return err
	}
	key, err := carrier.KeyOf(next)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, rotateWait, llama.Errorf(llama.Unavailable, "central did not answer within %v; the keys are as they were", rotateWait))
	defer cancel()
	if err := r.offer(ctx, next); err != nil {
		return err
	}
	if err := n.files.Rename(nextIdentityFile, identityFile); err != nil {
		return fmt.Errorf("keep new keys: %w", err)
	}
	if err := n.files.SyncDir("."); err != nil {
		return fmt.Errorf("keep new keys: %w", err)
	}
	r.use(key)
	n.o.Log.Info("keys changed", "node", n.id)
	return nil
}

// dropNext removes keys that were to follow others which are not used any more.
func dropNext(files interface{ Remove(string) error }) error {
	if err := files.Remove(nextIdentityFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove keys that were not used: %w", err)
	}
	return nil
}

// rotateKeys answers POST /node/rotate.
func (n *Node) rotateKeys(w http.ResponseWriter, r *http.Request) {
	if err := n.Rotate(r.Context()); err != nil {
		n.refuse(w, err)
	}
}
