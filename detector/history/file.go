package history

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// file is the log of all frames. One goroutine writes; what has been written may
// be read at the same time.
type file struct {
	*os.File
	end int64 // of the last frame; what lies beyond is torn
}

// Errors of opening.
var (
	errForeign = errors.New("it is no history")
	errInUse   = errors.New("another process has it open")
)

// openFile opens the log or begins it, and reads its heads. Damaged is how many
// stretches of it were passed over.
func openFile(name string) (f *file, x *index, damaged int, err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, nil, 0, err
	}
	raw, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return nil, nil, 0, err
	}
	f = &file{File: raw}
	if x, damaged, err = f.read(name); err != nil {
		return nil, nil, 0, errors.Join(err, raw.Close())
	}
	return f, x, damaged, nil
}

func (f *file) read(name string) (x *index, damaged int, err error) {
	if err := f.lock(); err != nil {
		return nil, 0, err
	}
	if !f.is(name) {
		return nil, 0, errInUse // by the one that has just put another in its place
	}
	x = newIndex()
	if f.end, damaged, err = scan(f, x.put); err != nil {
		return nil, 0, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	if f.end == 0 && size > 0 && !f.begun() {
		return nil, 0, errForeign
	}
	if size > f.end {
		// A frame was being written when the process ended, or the end is damaged.
		return x, damaged, f.Truncate(f.end)
	}
	return x, damaged, nil
}

// begun reports whether a first frame was begun.
func (f *file) begun() bool {
	start := make([]byte, len(magic))
	n, _ := f.ReadAt(start, 0) // what cannot be read is not ours
	return string(start[:n]) == magic[:n]
}

// lock waits for another process that has the file open, for a while.
func (f *file) lock() error {
	for end := time.Now().Add(lockTime); ; time.Sleep(lockTime / 20) {
		err := tryLock(f.File)
		if err == nil || !errors.Is(err, errInUse) || time.Now().After(end) {
			return err
		}
	}
}

// is reports whether this is the file of that name.
func (f *file) is(name string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(here, there)
}

// untouched reports whether nobody else has moved the file away or cut it.
func (f *file) untouched(name string) bool {
	if !f.is(name) {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Size() == f.end
}

// append writes a frame behind the last. Of one that could not be written whole
// nothing is left.
func (f *file) append(frame []byte) (extent, error) {
	if _, err := f.WriteAt(frame, f.end); err != nil {
		_ = f.Truncate(f.end) // if this fails too, the next to open the file does it
		return extent{}, err
	}
	e := extent{f.end, len(frame)}
	f.end += int64(len(frame))
	return e, nil
}

// frame reads the frame that lies somewhere.
func (f *file) frame(e extent) ([]byte, error) {
	b := make([]byte, e.n)
	if _, err := f.ReadAt(b, e.at); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return b, nil
}

// load reads the record of a frame into v.
func load(frame []byte, v any) error {
	_, body, err := decode(frame)
	if err != nil {
		return err
	}
	return unpack(body, v)
}
