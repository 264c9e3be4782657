package explain

// What the parts take as JSON besides their names, in bytes.
const (
	verdictSize = 500
	processSize = 100
	waitSize    = 200
	holderSize  = 45
)

// Size returns about how many bytes v takes as JSON. In memory it takes no more.
func (v *Verdict) Size() int {
	n := verdictSize + len(v.Summary)
	for _, s := range v.Sentences {
		n += len(s)
	}
	return n + size(v.Core) + size(v.Collateral)
}

// Shorten empties the lists of v. The counts beside them stay.
func (v *Verdict) Shorten() {
	v.Sentences, v.Core, v.Collateral = []string{}, []Process{}, []Process{}
}

func size(processes []Process) (n int) {
	for i := range processes {
		p := &processes[i]
		n += processSize + len(p.Name) + len(p.Agent) + len(p.Service) + len(p.Host)
		for j := range p.Waits {
			n += p.Waits[j].size()
		}
	}
	return n
}

func (w *Wait) size() int {
	n := waitSize + len(w.Resource) + len(w.Exchange) + len(w.Key) + len(w.Queue) + len(w.TraceID) + len(w.SpanID)
	for i := range w.Holders {
		n += holderSize + len(w.Holders[i].Name) + len(w.Holders[i].Agent)
	}
	return n
}
