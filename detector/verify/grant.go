package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
)

// held checks the edges to resources that somebody holds: that all who can
// grant them are members, who held them before the asking and after it.
func held(p *proof.Proof) (string, error) {
	n := 0
	for _, m := range p.Members {
		for i, e := range m.Edges {
			if e.Open != "" || e.Queue != "" {
				continue
			}
			n++
			if kind := m.After.Waits[i].Kind; kind != report.Reply.String() && kind != report.Lock.String() {
				return "", fmt.Errorf("%s waits for the %s %q, and nobody vouches for all who can grant it", name(m.Process), kind, e.Resource)
			}
			if err := holders(p, e); err != nil {
				return "", fmt.Errorf("%s waits for %q: %w", name(m.Process), e.Resource, err)
			}
		}
	}
	return fmt.Sprintf("%s for what only they hold, and held before the asking and after it", some(n, "wait")), nil
}

func holders(p *proof.Proof, e proof.Edge) error {
	if len(e.Holders) == 0 {
		return errors.New("nobody is named who holds it")
	}
	for _, h := range e.Holders {
		m := find(p.Members, h)
		switch {
		case m == nil:
			return fmt.Errorf("%s holds it, and may go on", name(h))
		case !slices.Contains(m.Before.Holds, e.Resource):
			return fmt.Errorf("%s did not hold it before the asking", name(h))
		case !slices.Contains(m.After.Holds, e.Resource):
			return fmt.Errorf("%s did not hold it after the asking", name(h))
		}
	}
	for _, m := range p.Members {
		if holds(m, e.Resource) && !slices.Contains(e.Holders, m.Process) {
			return fmt.Errorf("%s holds it too, and is not named", name(m.Process))
		}
	}
	return nil
}

func holds(m proof.Member, resource string) bool {
	return slices.Contains(m.Before.Holds, resource) || slices.Contains(m.After.Holds, resource)
}

// untaken checks the edges to requests that lie in a queue: that nobody has
// taken them, and that all who could are members.
func untaken(p *proof.Proof) (string, error) {
	lie := make(map[string]int) // by queue
	for _, m := range p.Members {
		for i, e := range m.Edges {
			if e.Open != "" || e.Queue == "" {
				continue
			}
			lie[e.Queue]++
			if err := lies(p, m.After.Waits[i], e.Queue); err != nil {
				return "", fmt.Errorf("%s waits for %q: %w", name(m.Process), e.Resource, err)
			}
		}
	}
	total := 0
	for _, q := range p.Queues {
		total += lie[q.Name]
		switch {
		case lie[q.Name] == 0:
			return "", fmt.Errorf("nobody waits for the queue %q", q.Name)
		case len(q.Consumers) == 0:
			return "", fmt.Errorf("nobody consumes from the queue %q, so anybody may", q.Name)
		case q.Counted != len(q.Consumers):
			return "", fmt.Errorf("the queue %q has %s, of which %d are named", q.Name, some(q.Counted, "consumer"), len(q.Consumers))
		case q.Ready < lie[q.Name]:
			return "", fmt.Errorf("%d messages lie in the queue %q, not the %d that are waited for", q.Ready, q.Name, lie[q.Name])
		}
		for _, c := range q.Consumers {
			if find(p.Members, c) == nil {
				return "", fmt.Errorf("%s consumes from the queue %q, and may go on", name(c), q.Name)
			}
		}
	}
	if total == 0 {
		return "no wait for a request that nobody has taken", nil
	}
	return fmt.Sprintf("%s for requests that all agents deny to have taken, in %s with no consumers but them by the broker's count",
		some(total, "wait"), some(len(p.Queues), "queue")), nil
}

// lies checks that a request lies in a queue that is described, untaken.
func lies(p *proof.Proof, w proof.Wait, queue string) error {
	if !slices.ContainsFunc(p.Queues, func(q proof.Queue) bool { return q.Name == queue }) {
		return fmt.Errorf("nothing is said of the queue %q", queue)
	}
	switch w.Kind {
	case report.Queue.String():
		if w.Resource != queue {
			return fmt.Errorf("that is not the queue %q", queue)
		}
		return nil
	case report.Reply.String():
		if w.Exchange != "" || w.Key != queue {
			return fmt.Errorf("the request was not sent to the queue %q", queue)
		}
	default:
		return fmt.Errorf("a %s lies in no queue", w.Kind)
	}
	if !slices.Contains(p.Replies, w.Resource) {
		return errors.New("nobody was asked whether it was taken")
	}
	for _, a := range p.Answers {
		if slices.Contains(a.Taken, w.Resource) {
			return fmt.Errorf("the agent %q has taken it", a.Agent)
		}
	}
	for _, m := range p.Members {
		if holds(m, w.Resource) {
			return fmt.Errorf("%s holds it, so it was taken", name(m.Process))
		}
	}
	return nil
}
