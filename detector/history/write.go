package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// Shares of Config.Size. The file that is being rewritten and the one that
// comes of it take no more than the whole.
const (
	keptShare  = 3  // of which what is kept takes one
	fileShare  = 3  // of which the file takes two
	frameShare = 64 // of which a record takes one
)

// write keeps deadlocks and forgets old ones.
func (s *Store) write(all []explain.Proven) {
	if s.file != nil && !s.file.untouched(s.cfg.File) {
		s.shut()
		s.cfg.Trouble(fmt.Errorf("write history %s: somebody else has changed the file; it is opened again", s.cfg.File))
		s.open()
	}
	if s.file == nil {
		s.drop(len(all))
		return
	}
	kept, err := s.update(all)
	s.drop(len(all) - kept)
	if err != nil {
		s.fail(fmt.Errorf("write history %s: %w", s.cfg.File, err))
		return
	}
	s.failure.Store(nil)
}

// update returns how many it has kept.
func (s *Store) update(all []explain.Proven) (kept int, err error) {
	for i := range all {
		if err := s.keep(&all[i]); err != nil {
			return kept, err
		}
		kept++
	}
	s.forget()
	if len(all) == 0 {
		return 0, nil
	}
	if err := s.file.Sync(); err != nil {
		return 0, err
	}
	return kept, nil
}

func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.forget(time.Now().Add(-s.cfg.Age), s.cfg.Size/keptShare)
}

// keep writes a verdict, which takes the place of what is kept of it.
func (s *Store) keep(v *explain.Proven) error {
	d := Deadlock{Verdict: v.Verdict, Fingerprint: Fingerprint(&v.Verdict)}
	if e := s.index.byID[v.ID]; e != nil {
		// It is the same deadlock, whatever has become of its shape.
		recurrence := e.Recurrence
		d.Fingerprint, d.Recurrence, d.Suspected = e.Fingerprint, &recurrence, e.Found
		if !e.Confirmed.IsZero() {
			d.Confirmed = e.Confirmed
		}
	} else {
		recurrence := s.index.recurrence(d.Fingerprint)
		d.Recurrence = &recurrence
	}
	most := int(min(s.cfg.Size/frameShare, maxFrame))
	body, err := pack(d)
	if err == nil && len(body) > most {
		d.Core, d.Collateral = []explain.Process{}, []explain.Process{} // their counts stay
		body, err = pack(d)
	}
	if err != nil {
		return err
	}
	h := head{ID: d.ID, Found: d.Suspected, Confirmed: d.Confirmed, Fingerprint: d.Fingerprint, Recurrence: *d.Recurrence}
	if err := s.put(h, body); err != nil || v.Proof == nil {
		return err
	}
	if body, err = pack(v.Proof); err != nil || len(body) > most {
		return err
	}
	return s.put(head{ID: d.ID, Proof: true}, body)
}

// put appends a record. The file is rewritten first if it would become too large.
func (s *Store) put(h head, body []byte) error {
	frame, err := encode(h, body)
	if err != nil {
		return err
	}
	if s.file.end+int64(len(frame)) > s.cfg.Size*2/fileShare {
		s.forget()
		if err := s.rewrite(); err != nil {
			return fmt.Errorf("rewrite: %w", err)
		}
	}
	at, err := s.file.append(frame)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.put(h, at)
	return nil
}

// rewrite puts a file with what is kept in the place of the one with all that
// was ever written. Until then both are there.
func (s *Store) rewrite() error {
	name := s.cfg.File + ".new"
	raw, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	f, x := &file{File: raw}, newIndex()
	if err := s.replace(f, x, name); err != nil {
		return errors.Join(err, f.Close(), os.Remove(name))
	}
	s.mu.Lock()
	old := s.file
	s.file, s.index = f, x
	s.mu.Unlock()
	_ = old.Close() // nobody reads it any more, and it has no name
	return nil
}

func (s *Store) replace(f *file, x *index, name string) error {
	if err := tryLock(f.File); err != nil {
		return err
	}
	for _, e := range s.index.order {
		if err := s.carry(f, x, e.verdict); err != nil {
			return err
		}
		if err := s.carry(f, x, e.proof); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(name, s.cfg.File); err != nil {
		return err
	}
	syncFolder(s.cfg.File)
	return nil
}

// carry copies a frame. One that is damaged stays behind.
func (s *Store) carry(to *file, x *index, from extent) error {
	if from.n == 0 {
		return nil
	}
	frame, err := s.file.frame(from)
	var h head
	if err == nil {
		h, _, err = decode(frame)
	}
	if err != nil {
		s.drop(1)
		s.cfg.Trouble(fmt.Errorf("rewrite history %s: one record is %w", s.cfg.File, err))
		return nil
	}
	at, err := to.append(frame)
	if err != nil {
		return err
	}
	x.put(h, at)
	return nil
}

// syncFolder makes the new name outlive the loss of power, where folders can be
// synced. Elsewhere the old file may come back, which is whole as well.
func syncFolder(name string) {
	if folder, err := os.Open(filepath.Dir(name)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
}
