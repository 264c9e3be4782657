package compute

import (
	"math/rand/v2"
	"time"
)

const (
	// grace is how long a replica leaves an ID that it lost the toss for to
	// the others.
	grace = time.Second
	// claimAgain is how long after a refusal a name is claimed again, so
	// that a dead replica's names are taken over within it.
	claimAgain = time.Second
)

// claim is an ID that a replica wants to host, and how long it holds back.
type claim struct {
	id   int64
	wait time.Duration
}

// claims returns what the replica wants. The broker decides who gets it.
func (cfg Config) claims() []claim {
	var all []claim
	for _, id := range cfg.IDs {
		all = append(all, claim{id: id})
	}
	if cfg.IDs != nil {
		return all
	}
	for id := int64(1); id <= MaxID; id++ {
		all = append(all, claim{id: id, wait: time.Duration(rand.IntN(2)) * grace})
	}
	return all
}
