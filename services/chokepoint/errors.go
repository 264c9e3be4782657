package chokepoint

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/waitgraph/waitgraph/services/cluster"
)

// What a request can come to. Test for them with errors.Is.
var (
	// ErrInvalid says that a key or a configuration makes no sense.
	ErrInvalid = errors.New("invalid")
	// ErrRefused says that the node starts no workers at present.
	ErrRefused = errors.New("node refuses")
	// ErrTimeout says that the worker did not answer in time.
	ErrTimeout = errors.New("no answer from the worker in time")
	// ErrNodeDown says that there is no such node to ask.
	ErrNodeDown = cluster.ErrNodeDown
	// ErrNameTaken says that there is a node of that name.
	ErrNameTaken = cluster.ErrTaken
)

var answerable = []error{ErrInvalid, ErrRefused, ErrTimeout}

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

// inbound returns what an error means that a node or a worker answered, or that
// came instead of an answer.
func inbound(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	if remote := new(cluster.RemoteError); errors.As(err, &remote) {
		for _, known := range answerable {
			if strings.HasPrefix(remote.Message, known.Error()) {
				return fmt.Errorf("%w: %w", known, err)
			}
		}
	}
	return err
}
