//go:build unix && !aix && !solaris

package history

import (
	"errors"
	"os"
	"syscall"
)

// tryLock has the file for this process alone, until it is closed.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor is small
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	return err
}
