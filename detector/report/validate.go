package report

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Limits of what one batch may say. They are far above what honest agents
// send, and low enough that a hostile one cannot exhaust the detector.
const (
	MaxName     = 255 // bytes of an agent's, process's or queue's name, or of a routing key
	MaxChain    = 256 // hops
	MaxWaits    = 1024
	MaxHolds    = 100_000
	MaxHolders  = 1_000_000     // of one resource
	MaxRefusals = math.MaxInt32 // of one wait: at two a second, 34 years
	MaxStates   = 100_000
	MaxMembers  = 10_000
)

// ErrInvalid is wrapped by every error of Validate.
var ErrInvalid = errors.New("invalid report")

// Validate checks everything that the detector relies on. What comes from
// another OS process must pass it before it is used.
func (b *Batch) Validate() error {
	if err := b.Agent.validate(); err != nil {
		return err
	}
	if err := firstError(optional("service", b.Service), optional("host", b.Host), atMost("states", len(b.States), MaxStates)); err != nil {
		return err
	}
	for i := range b.States {
		s := &b.States[i]
		if err := s.validate(b.Agent); err != nil {
			return fmt.Errorf("state of %q: %w", s.Key.Process, err)
		}
	}
	if h := b.Heartbeat; h != nil {
		if err := h.validate(b.Agent); err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
	}
	if a := b.Answer; a != nil {
		if err := a.validate(b.Agent); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	return nil
}

func (a Agent) validate() error {
	if a.Incarnation == 0 {
		return fmt.Errorf("%w: no agent incarnation", ErrInvalid)
	}
	return required("agent", a.Name)
}

func (k Key) validate() error {
	if err := k.Agent.validate(); err != nil {
		return err
	}
	return required("process", k.Process)
}

func (k Key) of(a Agent) error {
	if k.Agent != a {
		return fmt.Errorf("%w: agent %v speaks for %v", ErrInvalid, a, k.Agent)
	}
	return k.validate()
}

func (s *State) validate(a Agent) error {
	if err := firstError(s.Key.of(a), atMost("waits", len(s.Waits), MaxWaits), atMost("holds", len(s.Holds), MaxHolds)); err != nil {
		return err
	}
	switch {
	case s.Addition && len(s.Waits) > 0:
		return fmt.Errorf("%w: an addition with waits", ErrInvalid)
	case len(s.Waits) > 0 && (s.Need < 1 || s.Need > len(s.Waits)):
		return fmt.Errorf("%w: needs %d of %d waits", ErrInvalid, s.Need, len(s.Waits))
	case len(s.Waits) > 0 && s.Epoch == 0:
		return fmt.Errorf("%w: waits without an epoch", ErrInvalid)
	case s.Ended != nil && !s.Ended.Cause.Valid():
		return fmt.Errorf("%w: ended by %v", ErrInvalid, s.Ended.Cause)
	}
	seen := make(map[Resource]struct{}, len(s.Waits))
	for i := range s.Waits {
		if err := s.Waits[i].validate(); err != nil {
			return err
		}
		seen[s.Waits[i].Resource] = struct{}{}
	}
	if len(seen) != len(s.Waits) {
		return fmt.Errorf("%w: waits for the same resource twice", ErrInvalid)
	}
	for i := range s.Holds {
		if err := s.Holds[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

func (w *Wait) validate() error {
	if !w.Kind.Valid() {
		return fmt.Errorf("%w: %v", ErrInvalid, w.Kind)
	}
	if w.Holders < 0 || w.Holders > MaxHolders {
		return fmt.Errorf("%w: %d holders", ErrInvalid, w.Holders)
	}
	if w.Refusals < 0 || w.Refusals > MaxRefusals {
		return fmt.Errorf("%w: %d refusals", ErrInvalid, w.Refusals)
	}
	return firstError(w.Resource.validate(), optional("exchange", w.Destination.Exchange), optional("routing key", w.Destination.Key))
}

func (h *Hold) validate() error {
	if !h.Kind.Valid() {
		return fmt.Errorf("%w: %v", ErrInvalid, h.Kind)
	}
	if err := firstError(h.Resource.validate(), atMost("hops", len(h.Chain), MaxChain)); err != nil {
		return err
	}
	for i := range h.Chain {
		if err := h.Chain[i].Validate(); err != nil {
			return fmt.Errorf("hop %d: %w", i, err)
		}
	}
	return nil
}

// Validate checks one hop, which may have come in a header from anybody.
func (h *Hop) Validate() error {
	if h.Epoch == 0 {
		return fmt.Errorf("%w: hop without an epoch", ErrInvalid)
	}
	return firstError(h.Key.validate(), h.Reply.validate())
}

func (h *Heartbeat) validate(a Agent) error {
	if h.Seq == 0 {
		return fmt.Errorf("%w: no number", ErrInvalid)
	}
	if err := atMost("members", len(h.Members), MaxMembers); err != nil {
		return err
	}
	for _, m := range h.Members {
		if err := firstError(m.Key.of(a), required("queue", m.Queue)); err != nil {
			return err
		}
	}
	return nil
}

func (a *Answer) validate(from Agent) error {
	if err := firstError(atMost("unknown processes", len(a.Unknown), MaxStates), atMost("taken requests", len(a.Taken), MaxHolds)); err != nil {
		return err
	}
	for _, k := range a.Unknown {
		if err := k.of(from); err != nil {
			return err
		}
	}
	for _, r := range a.Taken {
		if err := r.validate(); err != nil {
			return err
		}
	}
	return nil
}

// A reply's name is made of its agent's name, so resources may be longer.
func (r Resource) validate() error { return text("resource", string(r), 1, 2*MaxName) }

func required(what, s string) error { return text(what, s, 1, MaxName) }
func optional(what, s string) error { return text(what, s, 0, MaxName) }

func text(what, s string, least, most int) error {
	switch {
	case len(s) < least:
		return fmt.Errorf("%w: no %s", ErrInvalid, what)
	case len(s) > most:
		return fmt.Errorf("%w: %s of %d bytes, more than %d", ErrInvalid, what, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: %s is not UTF-8", ErrInvalid, what)
	}
	return nil
}

func atMost(what string, n, most int) error {
	if n > most {
		return fmt.Errorf("%w: %d %s, more than %d", ErrInvalid, n, what, most)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
