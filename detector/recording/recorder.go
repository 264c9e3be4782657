package recording

import (
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/bounded"
)

// Bounds of a recording.
const (
	DefaultMaxBytes = 256 << 20
	MinMaxBytes     = 64 << 10
	maxWaiting      = 8192     // records that wait to be written
	maxWaitingBytes = 64 << 20 // of the messages that their events came in
)

// Config says where a recording goes.
type Config struct {
	Dir      string // made if it is not there
	MaxBytes int64  // that all recordings in Dir may take; at least MinMaxBytes
	Detector detector.Config
	// Dropped is told of each event and announcement that is not recorded,
	// and Trouble, once, why recording has stopped. Neither may block.
	Dropped func()
	Trouble func(error)
}

// record is one line to be.
type record struct {
	at       time.Time
	event    detector.Event     // nil for a tick
	announce *detector.Announce // if it is not about an event
}

// Recorder records one detector. Event, Tick, Announce and Close are for the
// goroutine that owns the detector; they never block. A nil Recorder records
// nothing.
type Recorder struct {
	cfg     Config
	files   files
	records bounded.Queue[record]
	dropped atomic.Uint64 // not yet noted in the file
	stopped atomic.Bool
}

// New returns a recorder. Nothing is recorded before Run.
func New(cfg Config) *Recorder {
	return &Recorder{
		cfg: cfg, records: bounded.New[record](maxWaiting, maxWaitingBytes),
		files: files{dir: cfg.Dir, most: cfg.MaxBytes, create: create},
	}
}

// Event records what the detector is told at an instant, by a message of so many
// bytes.
func (r *Recorder) Event(at time.Time, e detector.Event, size int64) {
	r.take(record{at: at, event: e}, size)
}

// Tick records that the detector is told the time.
func (r *Recorder) Tick(at time.Time) { r.take(record{at: at}, 0) }

// Announce records what came of the last event or tick.
func (r *Recorder) Announce(at time.Time, a detector.Announce) {
	r.take(record{at: at, announce: &a}, 0)
}

func (r *Recorder) take(x record, size int64) {
	if r == nil || r.stopped.Load() {
		return
	}
	if !r.records.Offer(x, size) {
		r.drop()
	}
}

func (r *Recorder) drop() {
	r.dropped.Add(1)
	r.cfg.Dropped()
}

// Close says that nothing more comes. It must be called once.
func (r *Recorder) Close() {
	if r != nil {
		close(r.records.C)
	}
}

// Run writes until Close is called and all is written. It returns an error if
// it cannot begin; what goes wrong later is told to Trouble.
func (r *Recorder) Run() error {
	err := r.begin()
	if err != nil {
		r.stopped.Store(true)
		return fmt.Errorf("record: %w", err)
	}
	var last time.Time
	for x := range r.records.C {
		last = x.Value.at
		if !r.stopped.Load() {
			r.stop(r.write(x.Value))
		}
		r.records.Release(x.Bytes)
	}
	if !r.stopped.Load() {
		r.stop(r.note(last))
		r.stop(r.files.close())
	}
	return nil
}

func (r *Recorder) begin() error {
	if err := os.MkdirAll(r.cfg.Dir, 0o700); err != nil {
		return err
	}
	now := time.Now().UTC()
	r.files.recording = now.Format("20060102T150405.000000000Z")
	first, err := r.first(now)
	if err != nil {
		return err
	}
	if err := r.nextFile(first); err != nil {
		return err
	}
	return r.files.flush()
}

// stop ends the recording if err is not nil.
func (r *Recorder) stop(err error) {
	if err == nil || r.stopped.Swap(true) {
		return
	}
	_ = r.files.close() // the first error is the one to tell
	r.cfg.Trouble(fmt.Errorf("record: %w", err))
}

// write writes one record, after a note about those that were dropped before.
func (r *Recorder) write(x record) error {
	if err := r.note(x.at); err != nil {
		return err
	}
	l, err := x.line()
	if err != nil {
		r.drop() // it is beyond what can be written down
		return nil
	}
	if err := r.append(x.at, l); err != nil {
		return err
	}
	if len(r.records.C) == 0 {
		return r.files.flush()
	}
	return nil
}

// note says in the file how much was dropped before an instant.
func (r *Recorder) note(at time.Time) error {
	if n := r.dropped.Swap(0); n > 0 {
		return r.append(at, line{At: at.UTC(), Dropped: n})
	}
	return nil
}

func (x *record) line() (l line, err error) {
	switch {
	case x.announce != nil:
		l.At = x.at.UTC()
		l.Announced, err = announcement(x.at, x.announce)
		return l, err
	case x.event != nil:
		return lineOf(x.at, x.event)
	}
	return line{At: x.at.UTC(), Tick: true}, nil
}

func (r *Recorder) append(at time.Time, l line) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if !r.files.fits(data) {
		first, err := r.first(at)
		if err != nil {
			return err
		}
		if int64(len(first)+len(data)) > r.files.part() {
			r.drop() // there is no file that it would fit into
			return nil
		}
		if err := r.nextFile(first); err != nil {
			return err
		}
	}
	return r.files.write(data)
}

// first returns the first line of the next file.
func (r *Recorder) first(at time.Time) ([]byte, error) {
	data, err := json.Marshal(line{At: at.UTC(), Start: &start{r.files.recording, r.files.number + 1, config(r.cfg.Detector)}})
	return append(data, '\n'), err
}

// nextFile begins a file with its first line.
func (r *Recorder) nextFile(first []byte) error {
	if err := r.files.next(); err != nil {
		return err
	}
	return r.files.write(first)
}
