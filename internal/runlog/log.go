package runlog

import "time"

// Kind is what an entry tells.
type Kind string

// The kinds of entry.
const (
	Join   Kind = "join"   // Process consumes Queue
	Leave  Kind = "leave"  // Process no longer does
	Begin  Kind = "begin"  // Process waits until Need of Resources are granted
	End    Kind = "end"    // Process goes on, or is no more
	Send   Kind = "send"   // the request Resource lies in Queue
	Take   Kind = "take"   // Process can grant Resource
	Drop   Kind = "drop"   // Process no longer can
	Settle Kind = "settle" // Resource, a request, is answered or lost: it keeps nobody blocked
	Hide   Kind = "hide"   // nobody watches Process
	Lose   Kind = "lose"   // the agent of Process can no longer be asked
)

// Entry is one line of a log.
type Entry struct {
	At        time.Duration // since the begin of the run; never less than that of the entry before
	Kind      Kind
	Process   string     `json:",omitempty"`
	Resource  string     `json:",omitempty"`
	Queue     string     `json:",omitempty"`
	Need      int        `json:",omitempty"`
	Resources []Resource `json:",omitempty"`
}

// Resource is what a process waits for.
type Resource struct {
	Name string
	// Holders is how many have to hold it before it is withheld: 1, or the
	// size of a semaphore. Of a reply, see Send.
	Holders int
}

// Log is what happened in a run, oldest first.
type Log []Entry

// Stand is a time in which a process was deadlocked without a break.
type Stand struct{ From, To time.Duration }

// Includes reports whether the process was deadlocked at an instant.
func (s Stand) Includes(at time.Duration) bool { return s.From <= at && at < s.To }

// History tells when each process was deadlocked. Who still was when the log
// ended was so Forever.
type History map[string][]Stand

// Forever is the end of a stand that did not end.
const Forever = time.Duration(1<<63 - 1)

// Deadlocked reports whether a process was deadlocked at an instant.
func (h History) Deadlocked(process string, at time.Duration) bool {
	for _, s := range h[process] {
		if s.Includes(at) {
			return true
		}
	}
	return false
}

// Together returns the first instant, in a window with both its ends, at which
// all of the processes were deadlocked.
func (h History) Together(processes []string, from, to time.Duration) (first time.Duration, ok bool) {
	try := func(at time.Duration) {
		if at < from || at > to || (ok && at >= first) {
			return
		}
		for _, p := range processes {
			if !h.Deadlocked(p, at) {
				return
			}
		}
		first, ok = at, true
	}
	try(from)
	for _, p := range processes {
		for _, s := range h[p] {
			try(s.From)
		}
	}
	return first, ok
}
