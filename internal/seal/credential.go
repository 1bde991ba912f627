package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/llama-logs/llama/internal/fsys"
)

// OpenCredential reads a master key that systemd hands to a service: dir is
// $CREDENTIALS_DIRECTORY, name that of LoadCredential= or LoadCredentialEncrypted= in
// the unit. It holds the line of a key file. Unlike a key file's, its mode is not
// looked at, as systemd guards the folder and grants access by other means.
func OpenCredential(dir, name string) (*KeyFile, error) {
	if dir == "" {
		return nil, fmt.Errorf("the systemd credential %s is not there: CREDENTIALS_DIRECTORY is not set; start the service by systemd, with LoadCredential= or LoadCredentialEncrypted= in its unit", name)
	}
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return nil, fmt.Errorf("%q is not the name of a systemd credential", name)
	}
	disk, err := fsys.Dir(dir)
	if err != nil {
		return nil, fmt.Errorf("open the systemd credential %s: %w", name, err)
	}
	defer disk.Close()
	data, err := fsys.ReadFile(disk, name, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the systemd credential %s is not among those of this service: %w", name, fs.ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("the systemd credential %s cannot be read: %w", name, err)
	}
	defer clear(data)
	key, err := decodeKeyFile(data)
	if err != nil {
		return nil, fmt.Errorf("the systemd credential %s %w", name, err)
	}
	return &KeyFile{KindCredential, "the systemd credential " + name, key}, nil
}
