package entities

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Entity is what a request is answered with.
type Entity struct {
	ID          string `json:"id"`
	State       State  `json:"state"`
	Server      string `json:"server"`      // where its process runs
	Incarnation uint64 `json:"incarnation"` // of the activation; 0 if nobody counts
}

// op says what is asked for.
type op string

const (
	opGet    op = "get"
	opSet    op = "set"
	opUpdate op = "update"
	opYield  op = "yield" // asks a process to go if its incarnation is lower
)

// request is what servers and processes are asked.
type request struct {
	Op          op     `json:"op"`
	ID          string `json:"id"`
	With        string `json:"with,omitempty"` // of an update: the other entity
	State       State  `json:"state,omitempty"`
	Incarnation uint64 `json:"incarnation,omitempty"`
}

// check returns why a request from outside cannot be carried out.
func (r request) check() error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	switch r.Op {
	case opGet:
		return nil
	case opSet:
		return r.State.Check()
	case opUpdate:
		if r.With == r.ID {
			return fmt.Errorf("%w: update of %s with itself", ErrInvalid, r.ID)
		}
		return errors.Join(checkID(r.With), r.State.Check())
	}
	return fmt.Errorf("%w: operation %.40q", ErrInvalid, string(r.Op))
}

// answer is what comes back: an entity, or why there is none. It is a message of
// its own rather than the error of a handler, so that a process can answer
// before it ends.
type answer struct {
	Entity
	Error string `json:"error,omitempty"`
}

const contentType = "application/json"

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("marshal %T: %v", v, err)) // its fields are text and numbers
	}
	return data
}

func decodeRequest(data []byte) (request, error) {
	var r request
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return r, nil
}

// reply makes an answer of an outcome.
func reply(e Entity, err error) []byte {
	a := answer{Entity: e}
	if err != nil {
		a.Error = outbound(err).Error()
	}
	return encode(a)
}

// decodeReply is the inverse of reply.
func decodeReply(data []byte) (Entity, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return Entity{}, fmt.Errorf("decode answer: %w", err)
	}
	if a.Error == "" {
		return a.Entity, nil
	}
	for _, known := range answerable {
		if strings.HasPrefix(a.Error, known.Error()) {
			return a.Entity, &remoteError{message: a.Error, known: known}
		}
	}
	return a.Entity, &remoteError{message: a.Error}
}

// outcome returns what a call came to.
func outcome(r amqprpc.Reply, err error) (Entity, error) {
	if errors.Is(err, amqprpc.ErrTimeout) {
		return Entity{}, fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	if err != nil {
		return Entity{}, err
	}
	return decodeReply(r.Body)
}
