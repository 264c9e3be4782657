package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// State is how a detector is, in the few words that fit into every event.
type State struct {
	Started time.Time `json:"started"` // tells one run of the detector from the next
	Ready   bool      `json:"ready"`
	Reason  string    `json:"reason,omitempty"` // why it is not ready

	Agents     int `json:"agents"`     // heard within their lease
	Silent     int `json:"silent"`     // agents whose lease has just run out: what became of them nobody knows
	Processes  int `json:"processes"`  // known to be blocked
	Waits      int `json:"waits"`      // resources waited for
	Deadlocked int `json:"deadlocked"` // processes in the deadlocked set
	Standing   int `json:"standing"`   // deadlocks, suspected or confirmed
	Confirmed  int `json:"confirmed"`  // of them

	Reports  uint64 `json:"reports"`             // received since the start
	TraceURL string `json:"trace_url,omitempty"` // where people look at traces; {trace} stands for the ID
}

// Bounds on events.
const (
	maxStreams = 1100                   // clients at a time
	lookEvery  = 100 * time.Millisecond // whether there is news
	tellEvery  = 5 * time.Second        // without news, to show that it lives
	streamTime = 5 * time.Second        // for a client to take an event
)

// feed has the state encoded once for all who want it.
type feed struct {
	state func() (State, error)

	mu    sync.Mutex
	at    time.Time
	last  State
	event []byte
	err   error
}

// latest returns the state as an event, which is the same slice for as long as
// nothing changes, or an error once the detector has stopped.
func (f *feed) latest() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.at) >= lookEvery/2 {
		s, err := f.state()
		if f.at, f.err = now, err; err == nil && (f.event == nil || s != f.last) {
			text, err := json.Marshal(s)
			f.last, f.event, f.err = s, fmt.Appendf(nil, "event: state\ndata: %s\n\n", text), err
		}
	}
	return f.event, f.err
}

// events streams the state: at once, when it changes, and from time to time. A
// client that is too slow sees less, and one that takes nothing is dropped.
func (f *feed) events(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // what nginx needs to pass events on
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // nothing more is to be read
	if r.Method == http.MethodHead {
		return
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var told []byte
	var toldAt time.Time
	for {
		event, err := f.latest()
		if err != nil {
			return
		}
		if now := time.Now(); !same(event, told) || now.Sub(toldAt) >= tellEvery {
			_ = c.SetWriteDeadline(now.Add(streamTime))
			if _, err := w.Write(event); err != nil {
				return
			}
			if err := c.Flush(); err != nil {
				return
			}
			told, toldAt = event, now
		}
		select {
		case <-look.C:
		case <-r.Context().Done():
			return
		}
	}
}

// same reports whether a and b are one slice.
func same(a, b []byte) bool { return len(b) > 0 && &a[0] == &b[0] }
