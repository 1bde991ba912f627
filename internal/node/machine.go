package node

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/llama-logs/llama"
)

// machineID is where Linux keeps what tells one installation from another.
const machineID = "/etc/machine-id"

// machine returns a hash of what is this machine's alone: the text of a file. That
// a node's keys are of use here only, see membership.go, stops who copies a disk
// or restores a backup elsewhere by mistake; who has both the master key and that file
// can pretend to be this machine.
func machine(file string) ([]byte, error) {
	if file == "" {
		file = machineID
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, llama.Errorf(llama.Invalid, "%s is not there, which tells this machine from others; name a file that does with node.uplink.machine_id (in a container, one that outlives it)", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read what tells this machine from others: %w", err)
	}
	if text = bytes.TrimSpace(text); len(text) < 8 {
		return nil, llama.Errorf(llama.Invalid, "%s has too little to tell this machine from others; name another file with node.uplink.machine_id", file)
	}
	hash := sha256.Sum256(append([]byte("llama machine 1\x00"), text...))
	return hash[:], nil
}
