package compute

import (
	"errors"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Errors that a service answers with. Test for them with errors.Is.
var (
	ErrUnknownID   = errors.New("unknown ID")
	ErrUnavailable = errors.New("no replica hosts the ID at present")
)

var answerable = [...]error{ErrUnknownID, ErrUnavailable}

// outbound returns err as a handler must answer it, so that inbound knows it
// again: an error travels as its text.
func outbound(err error) error {
	for _, known := range answerable {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// inbound returns the known error that err brings from a service, or err.
func inbound(err error) error {
	remote := new(amqprpc.RemoteError)
	if errors.As(err, &remote) {
		for _, known := range answerable {
			if remote.Message == known.Error() {
				return known
			}
		}
	}
	return err
}
