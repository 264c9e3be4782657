package entities

import (
	"errors"
	"fmt"
	"strings"
)

// What a request can come to. Test for them with errors.Is.
var (
	// ErrUnknownEntity says that the store knows no such entity.
	ErrUnknownEntity = errors.New("unknown entity")
	// ErrIllegalState says that no entity can be in that state.
	ErrIllegalState = errors.New("illegal state")
	// ErrInvalid says that a request or a configuration makes no sense.
	ErrInvalid = errors.New("invalid")
	// ErrStale says that the write was refused, and nothing was written: the
	// entity has been activated elsewhere since. Asking again starts or finds
	// an activation that can write.
	ErrStale = errors.New("stale activation")
	// ErrTimeout says that there was no answer in time. The request may have
	// been carried out.
	ErrTimeout = errors.New("timeout")
	// ErrNoServer says that there is no server of that name.
	ErrNoServer = errors.New("no such server")
	// ErrNameTaken says that another server has the name.
	ErrNameTaken = errors.New("name is taken")
)

var answerable = []error{ErrUnknownEntity, ErrIllegalState, ErrInvalid, ErrStale, ErrTimeout, ErrNoServer, ErrNameTaken}

// outbound returns err so that its text says first what it is: an error travels
// as its text.
func outbound(err error) error {
	for _, known := range answerable {
		if errors.Is(err, known) && !strings.HasPrefix(err.Error(), known.Error()) {
			return fmt.Errorf("%w: %w", known, err)
		}
	}
	return err
}

// remoteError is an error that a server or a process answered.
type remoteError struct {
	message string
	known   error // nil if it is none of this package's
}

func (e *remoteError) Error() string { return e.message }
func (e *remoteError) Unwrap() error { return e.known }
