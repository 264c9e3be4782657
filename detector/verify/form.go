package verify

import (
	"errors"
	"fmt"

	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
)

// wellFormed checks what can be seen of each member and queue by itself.
func wellFormed(p *proof.Proof) (string, error) {
	if len(p.Members) == 0 {
		return "", errors.New("there are no members")
	}
	members := make(map[proof.Process]bool)
	for _, m := range p.Members {
		switch {
		case m.Name == "" || m.Agent == "":
			return "", errors.New("a member has no name or no agent")
		case members[m.Process]:
			return "", fmt.Errorf("%s is a member twice", name(m.Process))
		}
		members[m.Process] = true
		if err := state(m.Before); err != nil {
			return "", fmt.Errorf("the state of %s before the asking: %w", name(m.Process), err)
		}
		if err := state(m.After); err != nil {
			return "", fmt.Errorf("the state of %s after the asking: %w", name(m.Process), err)
		}
		if err := edges(m); err != nil {
			return "", fmt.Errorf("%s: %w", name(m.Process), err)
		}
	}
	queues := make(map[string]bool)
	for _, q := range p.Queues {
		if queues[q.Name] {
			return "", fmt.Errorf("the queue %q is there twice", q.Name)
		}
		queues[q.Name] = true
		if err := once(q.Consumers, name); err != nil {
			return "", fmt.Errorf("the consumers of the queue %q: %w", q.Name, err)
		}
	}
	return some(len(p.Members), "member") + ", each named once, in well-formed states", nil
}

func state(s proof.State) error {
	var waits []string
	for _, w := range s.Waits {
		if _, ok := report.ParseKind(w.Kind); !ok {
			return fmt.Errorf("%q is no kind of resource", w.Kind)
		}
		waits = append(waits, w.Resource)
	}
	if err := once(waits, quoted); err != nil {
		return fmt.Errorf("waits: %w", err)
	}
	if err := once(s.Holds, quoted); err != nil {
		return fmt.Errorf("holds: %w", err)
	}
	switch {
	case s.Epoch == 0:
		return errors.New("there is no epoch")
	case len(s.Waits) == 0:
		return errors.New("it waits for nothing")
	case s.Need < 1 || s.Need > len(s.Waits):
		return fmt.Errorf("it needs %d of %d waits", s.Need, len(s.Waits))
	}
	return nil
}

// edges checks that there is one edge for each wait, in the same order.
func edges(m proof.Member) error {
	if len(m.Edges) != len(m.After.Waits) {
		return fmt.Errorf("%d edges for %d waits", len(m.Edges), len(m.After.Waits))
	}
	for i, e := range m.Edges {
		switch {
		case e.Resource != m.After.Waits[i].Resource:
			return fmt.Errorf("no edge for its wait for %q", m.After.Waits[i].Resource)
		case e.Queue != "" && len(e.Holders) > 0:
			return fmt.Errorf("%q is held and lies untaken in the queue %q", e.Resource, e.Queue)
		}
		if err := once(e.Holders, name); err != nil {
			return fmt.Errorf("the holders of %q: %w", e.Resource, err)
		}
	}
	return nil
}

// once checks that a list has nothing twice.
func once[T comparable](list []T, words func(T) string) error {
	seen := make(map[T]bool)
	for _, x := range list {
		if seen[x] {
			return fmt.Errorf("%s is there twice", words(x))
		}
		seen[x] = true
	}
	return nil
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }
