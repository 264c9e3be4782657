package entities

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// State is what an entity is in.
type State string

// The states.
const (
	Initialized State = "initialized"
	Working     State = "working"
	Finalized   State = "finalized"
)

// Check returns ErrIllegalState unless s is one of the states.
func (s State) Check() error {
	switch s {
	case Initialized, Working, Finalized:
		return nil
	}
	return fmt.Errorf("%w: %.40q", ErrIllegalState, string(s))
}

// Record is what the store knows of an entity.
type Record struct {
	State State `json:"state"`
	// Incarnation is that of the latest activation: how often there was one.
	Incarnation uint64 `json:"incarnation"`
}

// Store keeps entities in a file. The file is opened for each operation, so that
// servers in OS processes of their own can share it. Its methods may be called
// from many goroutines.
type Store struct {
	path string
	mu   sync.RWMutex // spares the goroutines of one OS process the polling for the file's lock
}

// lockTime is how long to wait for another OS process to be done with the file.
const lockTime = 5 * time.Second

var bucket = []byte("entities")

// OpenStore opens the store in a file, which is made if there is none. The
// entities are added to it, initialized, unless they are there.
func OpenStore(path string, entities ...string) (*Store, error) {
	s := &Store{path: path}
	return s, s.update(func(b *bbolt.Bucket) error {
		for _, id := range entities {
			if err := checkID(id); err != nil {
				return err
			}
			if b.Get([]byte(id)) != nil {
				continue
			}
			if err := put(b, id, Record{State: Initialized}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Load returns what the store knows of an entity, or ErrUnknownEntity.
func (s *Store) Load(id string) (r Record, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: lockTime, ReadOnly: true})
	if err != nil {
		return r, fmt.Errorf("open store: %w", err)
	}
	defer db.Close() //nolint:errcheck // nothing was written
	err = db.View(func(tx *bbolt.Tx) error {
		r, err = get(tx.Bucket(bucket), id)
		return err
	})
	return r, err
}

// Activate begins an activation of an entity: those before it can write no more.
func (s *Store) Activate(id string) (r Record, err error) {
	err = s.update(func(b *bbolt.Bucket) error {
		if r, err = get(b, id); err != nil {
			return err
		}
		r.Incarnation++
		return put(b, id, r)
	})
	return r, err
}

// Save writes the state of an entity in the name of an activation. It returns
// ErrStale, and writes nothing, if that is not the latest.
func (s *Store) Save(id string, state State, incarnation uint64) error {
	return s.update(func(b *bbolt.Bucket) error {
		r, err := get(b, id)
		if err != nil {
			return err
		}
		if r.Incarnation != incarnation {
			return fmt.Errorf("%w: %s was activated elsewhere, %d times since", ErrStale, id, r.Incarnation-incarnation)
		}
		r.State = state
		return put(b, id, r)
	})
}

// Overwrite writes the state of an entity, whoever else does.
func (s *Store) Overwrite(id string, state State) error {
	return s.update(func(b *bbolt.Bucket) error {
		r, err := get(b, id)
		if err != nil {
			return err
		}
		r.State = state
		return put(b, id, r)
	})
}

func (s *Store) update(change func(*bbolt.Bucket) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: lockTime})
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return fmt.Errorf("create bucket: %w", err)
		}
		return change(b)
	})
	if closed := db.Close(); err == nil && closed != nil {
		return fmt.Errorf("close store: %w", closed)
	}
	return err
}

func get(b *bbolt.Bucket, id string) (r Record, err error) {
	if b == nil {
		return r, fmt.Errorf("%w: %.40q", ErrUnknownEntity, id)
	}
	data := b.Get([]byte(id))
	if data == nil {
		return r, fmt.Errorf("%w: %.40q", ErrUnknownEntity, id)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("decode record of %s: %w", id, err)
	}
	return r, nil
}

func put(b *bbolt.Bucket, id string, r Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode record of %s: %w", id, err)
	}
	if err := b.Put([]byte(id), data); err != nil {
		return fmt.Errorf("write record of %s: %w", id, err)
	}
	return nil
}
