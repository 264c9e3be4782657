package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/waitgraph/waitgraph/detector/proof"
)

// Verdict is what there is to check in the JSON form of a verdict. It claims
// that the processes of Core are deadlocked.
type Verdict struct {
	ID    string       `json:"id"`
	Core  []Claim      `json:"core"`
	Proof *proof.Proof `json:"proof"`
	// Unproven says why there is no Proof.
	Unproven string `json:"unproven"`
}

// Claim names a process that is said to be deadlocked in one wait epoch.
type Claim struct {
	proof.Process
	Epoch uint64 `json:"epoch"`
}

// Check checks the proof of a verdict, and that it proves what the verdict
// claims. It returns what it has checked, in words, up to the first thing that
// is wrong, which is the error.
func (v Verdict) Check() (checked []string, err error) {
	switch {
	case v.Proof == nil && v.Unproven != "":
		return nil, fmt.Errorf("there is no proof: %s", v.Unproven)
	case v.Proof == nil:
		return nil, errors.New("there is no proof")
	case len(v.Core) == 0:
		return nil, errors.New("the verdict names no process")
	}
	checked, err = Check(v.Proof)
	if err != nil {
		return checked, err
	}
	for _, c := range v.Core {
		m := find(v.Proof.Members, c.Process)
		if m == nil || m.After.Epoch != c.Epoch {
			return checked, fmt.Errorf("the verdict is about %s in epoch %d, and the proof is not", name(c.Process), c.Epoch)
		}
	}
	return append(checked, fmt.Sprintf("the verdict %q is about %d of them", v.ID, len(v.Core))), nil
}

// Check checks a proof, as Verdict.Check does.
func Check(p *proof.Proof) (checked []string, err error) {
	for _, step := range []func(*proof.Proof) (string, error){wellFormed, inTime, unbroken, held, untaken, irreducible} {
		words, err := step(p)
		if err != nil {
			return checked, err
		}
		checked = append(checked, words)
	}
	return checked, nil
}

func name(p proof.Process) string { return fmt.Sprintf("%q of agent %q", p.Name, p.Agent) }

// find returns the member that p names, nil if there is none.
func find(members []proof.Member, p proof.Process) *proof.Member {
	for i := range members {
		if members[i].Process == p {
			return &members[i]
		}
	}
	return nil
}

// inTime checks that the queues were counted before the asking, and that what is
// said to be an answer came after it.
func inTime(p *proof.Proof) (string, error) {
	switch {
	case p.Begun.IsZero() || p.Asked.Before(p.Begun):
		return "", errors.New("it was asked before it began")
	case p.Concluded.Before(p.Asked):
		return "", errors.New("it was concluded before it was asked")
	}
	var agents []string
	for _, a := range p.Answers {
		switch {
		case slices.Contains(agents, a.Agent):
			return "", fmt.Errorf("the agent %q answers twice", a.Agent)
		case a.Round != p.Round:
			return "", fmt.Errorf("the agent %q answers round %d, not round %d", a.Agent, a.Round, p.Round)
		case a.At.Before(p.Asked):
			return "", fmt.Errorf("the agent %q answered before it was asked", a.Agent)
		case a.At.After(p.Concluded):
			return "", fmt.Errorf("the agent %q answered after the conclusion", a.Agent)
		}
		agents = append(agents, a.Agent)
	}
	for _, m := range p.Members {
		if !slices.Contains(agents, m.Agent) {
			return "", fmt.Errorf("the agent of %s has not answered", name(m.Process))
		}
	}
	for _, q := range p.Queues {
		switch {
		case q.Round != p.Round:
			return "", fmt.Errorf("the queue %q was counted in round %d, not in round %d", q.Name, q.Round, p.Round)
		case q.At.Before(p.Begun):
			return "", fmt.Errorf("the queue %q was counted before the round began", q.Name)
		case q.At.After(p.Asked):
			return "", fmt.Errorf("the queue %q was counted after the asking", q.Name)
		}
	}
	return fmt.Sprintf("asked at %s in round %d, %s answered after that, the last within %v",
		p.Asked.Format("2006-01-02T15:04:05.000000Z07:00"), p.Round, some(len(agents), "agent"), p.Concluded.Sub(p.Asked)), nil
}

// unbroken checks that each member was blocked, on the same, before the asking
// and after it.
func unbroken(p *proof.Proof) (string, error) {
	hinted := 0
	for _, m := range p.Members {
		before, after := m.Before, m.After
		switch {
		case before.Epoch != after.Epoch:
			return "", fmt.Errorf("%s was in epoch %d before the asking and in epoch %d after it", name(m.Process), before.Epoch, after.Epoch)
		case after.Seq < before.Seq:
			return "", fmt.Errorf("the answer about %s is older (seq %d) than what was known before (seq %d)", name(m.Process), after.Seq, before.Seq)
		case after.Seq == 0, before.Seq == 0 && len(before.Hinted) == 0:
			return "", fmt.Errorf("nobody had told of %s before the asking, or has after it", name(m.Process))
		case before.Seq != 0 && len(before.Hinted) > 0:
			return "", fmt.Errorf("%s had told of itself before the asking, and is said to be known from others", name(m.Process))
		case before.Need != after.Need:
			return "", fmt.Errorf("%s needed %d before the asking and %d after it", name(m.Process), before.Need, after.Need)
		case len(before.Waits) != len(after.Waits):
			return "", fmt.Errorf("%s waited for %d resources before the asking and for %d after it", name(m.Process), len(before.Waits), len(after.Waits))
		}
		for i, b := range before.Waits {
			a := after.Waits[i]
			known := len(before.Hinted) == 0
			if b.Resource != a.Resource || b.Kind != a.Kind || known && (b.Exchange != a.Exchange || b.Key != a.Key || b.Holders != a.Holders) {
				return "", fmt.Errorf("%s waited for %q before the asking and for %q after it, or not in the same way", name(m.Process), b.Resource, a.Resource)
			}
		}
		if len(before.Hinted) > 0 {
			hinted++
		}
	}
	words := "each was in the same wait epoch, waiting for the same, before the asking and after it"
	if hinted > 0 {
		words += fmt.Sprintf("; before it, %d were known from call chains", hinted)
	}
	return words, nil
}

// irreducible grants all that is open, and lets everybody go on who has what he
// needs, again and again. Nobody must.
func irreducible(p *proof.Proof) (string, error) {
	var free []proof.Process
	var first error
	for n := -1; n != len(free); {
		n = len(free)
		for _, m := range p.Members {
			granted := grantable(p, m, free)
			if granted < m.After.Need || slices.Contains(free, m.Process) {
				continue
			}
			if first == nil {
				first = fmt.Errorf("%s can go on: it needs %d of %d, and %d can be granted", name(m.Process), m.After.Need, len(m.Edges), granted)
			}
			free = append(free, m.Process)
		}
	}
	if first != nil {
		return "", fmt.Errorf("%w; then %d of %d go on", first, len(free), len(p.Members))
	}
	return "when all is granted that others can grant, none of them gets what it needs: nobody can go on", nil
}

// grantable counts what a member waits for that is open or can be granted by
// one of those who are free to go on.
func grantable(p *proof.Proof, m proof.Member, free []proof.Process) int {
	n := 0
	for _, e := range m.Edges {
		if e.Open != "" || slices.ContainsFunc(grantors(p, e), func(q proof.Process) bool { return slices.Contains(free, q) }) {
			n++
		}
	}
	return n
}

// grantors returns who can grant what an edge is about.
func grantors(p *proof.Proof, e proof.Edge) []proof.Process {
	if e.Queue == "" {
		return e.Holders
	}
	for _, q := range p.Queues {
		if q.Name == e.Queue {
			return q.Consumers
		}
	}
	return nil
}

// some returns a number of things: 1 agent, 2 agents.
func some(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
