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
			if err := vouched(m.After.Waits[i], e); err != nil {
				return "", fmt.Errorf("%s waits for the %s %q, and %w", name(m.Process), m.After.Waits[i].Kind, e.Resource, err)
			}
			if err := holders(p, e); err != nil {
				return "", fmt.Errorf("%s waits for %q: %w", name(m.Process), e.Resource, err)
			}
		}
	}
	return fmt.Sprintf("%s for what only they hold, and held before the asking and after it", some(n, "wait")), nil
}

// vouched checks that all who can grant a resource are named. A reply or a lock has
// one holder; of anything else, the waiter says how many there are.
func vouched(w proof.Wait, e proof.Edge) error {
	switch {
	case w.Kind == report.Reply.String(), w.Kind == report.Lock.String():
		return nil
	case w.Holders == 0:
		return errors.New("nobody vouches for all who can grant it")
	case len(e.Holders) < w.Holders:
		return fmt.Errorf("%d can grant it, of whom %d are named", w.Holders, len(e.Holders))
	}
	return nil
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

// untaken checks the edges to requests that lay in a queue, and to space in one:
// that nobody had taken the requests when the round began, and that all who could, or
// could make space, are members.
func untaken(p *proof.Proof) (string, error) {
	waits, lie := make(map[string]int), make(map[string]int) // by queue
	taken := 0
	for _, m := range p.Members {
		for i, e := range m.Edges {
			if e.Open != "" || e.Queue == "" {
				continue
			}
			waits[e.Queue]++
			since, err := lay(p, m.After.Waits[i], e.Queue)
			switch {
			case m.After.Waits[i].Kind == report.Buffer.String() && m.After.Waits[i].Refusals < m.Before.Waits[i].Refusals+2:
				return "", fmt.Errorf("%s waits for space in the queue %q, and was not refused it while the others waited", name(m.Process), e.Queue)
			case err != nil:
				return "", fmt.Errorf("%s waits for %q: %w", name(m.Process), e.Resource, err)
			case since:
				taken++
			case m.After.Waits[i].Kind != report.Buffer.String():
				lie[e.Queue]++
			}
		}
	}
	total := 0
	for _, q := range p.Queues {
		total += waits[q.Name]
		if waits[q.Name] == 0 {
			return "", fmt.Errorf("nobody waits for the queue %q", q.Name)
		}
		if err := counted(p, q, lie[q.Name]); err != nil {
			return "", err
		}
	}
	if total == 0 {
		return "no wait for a request that nobody has taken, or for space in a queue", nil
	}
	words := fmt.Sprintf("%s for requests that all agents deny to have taken or for space, in %s with no consumers but them by the broker's count",
		some(total, "wait"), some(len(p.Queues), "queue"))
	if taken > 0 {
		words += fmt.Sprintf("; %d taken since the round began, by consumers who owe the reply", taken)
	}
	return words, nil
}

// counted checks that all consumers of a queue are members, and that at least so many
// messages lie in it.
func counted(p *proof.Proof, q proof.Queue, lie int) error {
	switch {
	case len(q.Consumers) == 0:
		return fmt.Errorf("nobody consumes from the queue %q, so anybody may", q.Name)
	case q.Counted != len(q.Consumers):
		return fmt.Errorf("the queue %q has %s, of which %d are named", q.Name, some(q.Counted, "consumer"), len(q.Consumers))
	case q.Ready < lie:
		return fmt.Errorf("%d messages lie in the queue %q, not the %d that are waited for", q.Ready, q.Name, lie)
	}
	for _, c := range q.Consumers {
		if find(p.Members, c) == nil {
			return fmt.Errorf("%s consumes from the queue %q, and may go on", name(c), q.Name)
		}
	}
	return nil
}

// lay checks that a request lay in a queue that is described when the round began, or
// that there was no space in it. It reports whether the request has been taken since.
func lay(p *proof.Proof, w proof.Wait, queue string) (taken bool, err error) {
	at := slices.IndexFunc(p.Queues, func(q proof.Queue) bool { return q.Name == queue })
	if at < 0 {
		return false, fmt.Errorf("nothing is said of the queue %q", queue)
	}
	switch w.Kind {
	case report.Queue.String():
		if w.Resource != queue {
			return false, fmt.Errorf("that is not the queue %q", queue)
		}
		return false, nil
	case report.Buffer.String():
		if w.Exchange != "" || w.Key != queue {
			return false, fmt.Errorf("the space is not that of the queue %q", queue)
		}
		return false, nil
	case report.Reply.String():
		if w.Exchange != "" || w.Key != queue {
			return false, fmt.Errorf("the request was not sent to the queue %q", queue)
		}
	default:
		return false, fmt.Errorf("a %s lies in no queue", w.Kind)
	}
	if !slices.Contains(p.Replies, w.Resource) {
		return false, errors.New("nobody was asked whether it was taken")
	}
	return takenSince(p, w.Resource, p.Queues[at].Consumers)
}

// takenSince reports whether a request has been taken since the round began: by one
// consumer, who owed the reply when he answered. Everybody else must deny it.
func takenSince(p *proof.Proof, reply string, consumers []proof.Process) (bool, error) {
	var owing []proof.Process
	for _, m := range p.Members {
		if slices.Contains(m.Before.Holds, reply) {
			return false, fmt.Errorf("%s held it, so it was taken", name(m.Process))
		}
		if slices.Contains(m.After.Holds, reply) {
			owing = append(owing, m.Process)
		}
	}
	var takers []string
	for _, a := range p.Answers {
		if slices.Contains(a.Taken, reply) {
			takers = append(takers, a.Agent)
		}
	}
	switch {
	case len(takers) == 0 && len(owing) == 0:
		return false, nil
	case len(takers) == 0:
		return false, fmt.Errorf("%s holds it, and its agent denies that it was taken", name(owing[0]))
	case len(takers) > 1:
		return false, fmt.Errorf("the agents %q and %q have both taken it", takers[0], takers[1])
	case len(owing) != 1 || owing[0].Agent != takers[0] || !slices.Contains(consumers, owing[0]):
		return false, fmt.Errorf("the agent %q has taken it", takers[0])
	}
	return true, nil
}
