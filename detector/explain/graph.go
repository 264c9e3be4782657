package explain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

// Graph is the whole wait-for graph at one instant.
type Graph struct {
	At        time.Time `json:"at"`
	Processes []Node    `json:"processes"` // blocked, or waited for
	Pools     []Pool    `json:"pools"`
}

// Pool is a queue with several consumers, its workers.
type Pool struct {
	Queue   string `json:"queue"`
	Workers int    `json:"workers"`
	Blocked int    `json:"blocked"` // of the workers
	Waiting int    `json:"waiting"` // requests that lie in the queue, as far as is known
	// LastWorker says that one worker is left that is not blocked, while a
	// blocked one waits for a request in this very queue.
	LastWorker bool `json:"last_worker,omitempty"`
}

// Node is one process of the graph.
type Node struct {
	Process
	Hint       bool   `json:"hint,omitempty"`       // known only from the call chains of others
	Deadlocked bool   `json:"deadlocked,omitempty"` // nobody can free it any more
	Verdict    string `json:"verdict,omitempty"`    // the ID of the verdict to whose core it belongs
}

// OfGraph explains a snapshot that was taken at an instant.
func OfGraph(s detector.Snapshot, at time.Time) Graph {
	g := Graph{At: at.UTC(), Processes: make([]Node, len(s.Processes)), Pools: make([]Pool, len(s.Pools))}
	for i, p := range s.Pools {
		g.Pools[i] = Pool{p.Queue, p.Workers, p.Blocked, p.Waiting, p.LastWorker}
	}
	t := unbounded()
	for i := range s.Processes {
		g.Processes[i] = t.node(&s.Processes[i])
	}
	return g
}

func (t *teller) node(p *detector.Process) Node {
	return Node{Process: t.process(&p.Member), Hint: p.Hint, Deadlocked: p.Deadlocked, Verdict: p.Verdict}
}

// WriteGraph writes the JSON of OfGraph process by process, so that what it
// takes does not grow with the graph.
func WriteGraph(w io.Writer, s detector.Snapshot, at time.Time) error {
	rest, err := json.Marshal(OfGraph(detector.Snapshot{Pools: s.Pools}, at))
	if err != nil {
		return fmt.Errorf("write graph: %w", err)
	}
	const none = `"processes":[]`
	head, tail, _ := bytes.Cut(rest, []byte(none))
	b := bufio.NewWriterSize(w, 1<<20)
	_, _ = fmt.Fprintf(b, `%s"processes":[`, head) // a bufio.Writer keeps its error
	e, t := json.NewEncoder(b), unbounded()
	for i := range s.Processes {
		if i > 0 {
			_ = b.WriteByte(',')
		}
		if err := e.Encode(t.node(&s.Processes[i])); err != nil {
			return fmt.Errorf("write graph: %w", err)
		}
	}
	_, _ = fmt.Fprintf(b, "]%s\n", tail)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write graph: %w", err)
	}
	return nil
}
