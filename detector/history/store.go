package history

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/internal/bounded"
)

// Bounds of a history.
const (
	DefaultAge  = 90 * 24 * time.Hour
	DefaultSize = 256 << 20
	MinSize     = 4 << 20

	maxWaiting      = 1024     // deadlocks that wait to be written
	maxWaitingBytes = 64 << 20 // of their explanations, with those being written
	maxBatch        = 64       // of them before one sync
)

// Intervals.
const (
	lockTime   = time.Second      // to wait for another process that has the file open
	retryTime  = 30 * time.Second // until a file that could not be opened is tried again
	forgetTime = time.Hour        // between two looks for what is too old
)

// Config says where deadlocks are kept, and for how long.
type Config struct {
	File string // made if it is not there, with its folder
	Age  time.Duration
	Size int64 // in bytes, also while the file is rewritten; at least MinSize
	// Dropped is told of each step of a deadlock that is not kept or was found
	// damaged, and Trouble why. Neither may block.
	Dropped func()
	Trouble func(error)
}

// Validate returns an error if the configuration cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Age <= 0:
		return errors.New("deadlocks must be kept for some time")
	case c.Size < MinSize:
		return fmt.Errorf("a history of %d bytes is too small: at least %d", c.Size, MinSize)
	}
	return nil
}

// Store keeps deadlocks. Its methods are safe for concurrent use, but for Close,
// after which Add must not be called.
type Store struct {
	cfg     Config
	waiting bounded.Queue[explain.Proven]
	failure atomic.Pointer[error] // of the last attempt to open or write; nil: none

	// Run's goroutine alone changes these, under the lock; it reads them without.
	mu    sync.RWMutex
	file  *file // nil while it is not open
	index *index
}

// ErrOpening is what a store says of itself until it has tried to open its file.
var ErrOpening = errors.New("the history is being opened")

// New returns a store. Nothing is kept before Run.
func New(cfg Config) *Store {
	s := &Store{cfg: cfg, waiting: bounded.New[explain.Proven](maxWaiting, maxWaitingBytes)}
	s.failure.Store(&ErrOpening)
	return s
}

// Add keeps a verdict as it is, or replaces what is kept of it. It never blocks.
func (s *Store) Add(v explain.Proven) {
	if v.Status == detector.Retracted || v.Status == detector.Suspected {
		return
	}
	if !s.waiting.Offer(v, int64(v.Size())) {
		s.cfg.Dropped()
	}
}

// Close says that nothing more comes. It must be called once.
func (s *Store) Close() { close(s.waiting.C) }

// Err returns why nothing can be kept at present, nil if it can.
func (s *Store) Err() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Bytes returns how much room what is kept takes.
func (s *Store) Bytes() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return 0
	}
	return s.index.bytes
}

// Run writes until Close has been called and all is written. What goes wrong is
// told to Trouble.
func (s *Store) Run() {
	s.open()
	defer s.shut()
	retry, forget := time.NewTicker(retryTime), time.NewTicker(forgetTime)
	defer retry.Stop()
	defer forget.Stop()
	for {
		select {
		case first, ok := <-s.waiting.C:
			if !ok {
				return
			}
			all, bytes := s.batch(first)
			s.write(all)
			s.waiting.Release(bytes)
		case <-retry.C:
			if s.file == nil {
				s.open()
			}
		case <-forget.C:
			s.write(nil)
		}
	}
}

// batch returns the first with what else is waiting, and how many bytes that takes.
func (s *Store) batch(first bounded.Item[explain.Proven]) (all []explain.Proven, bytes int64) {
	all, bytes = []explain.Proven{first.Value}, first.Bytes
	for len(all) < maxBatch {
		select {
		case v, ok := <-s.waiting.C:
			if !ok {
				return all, bytes
			}
			all, bytes = append(all, v.Value), bytes+v.Bytes
		default:
			return all, bytes
		}
	}
	return all, bytes
}

// open opens the file, and forgets what is too old.
func (s *Store) open() {
	f, x, damaged, err := openFile(s.cfg.File)
	if err != nil {
		s.fail(fmt.Errorf("open history %s: %w", s.cfg.File, err))
		return
	}
	if damaged > 0 {
		s.drop(damaged)
		s.cfg.Trouble(fmt.Errorf("open history %s: passed over %d places that are %w", s.cfg.File, damaged, errDamaged))
	}
	s.mu.Lock()
	s.file, s.index = f, x
	s.mu.Unlock()
	s.write(nil)
}

func (s *Store) fail(err error) {
	s.failure.Store(&err)
	s.cfg.Trouble(err)
}

func (s *Store) drop(n int) {
	for range n {
		s.cfg.Dropped()
	}
}

// shut closes the file. Those who read are waited for.
func (s *Store) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close() // all that matters is written
		s.file, s.index = nil, nil
	}
}
