package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// parts is into how many files a folder's bytes are divided.
const parts = 8

// files writes the files of one recording, and removes the oldest of its folder.
type files struct {
	dir       string
	recording string
	most      int64 // bytes in the folder
	create    func(path string) (io.WriteCloser, error)

	number int // of the present file
	size   int64
	to     io.WriteCloser
	buffer *bufio.Writer
}

func (f *files) part() int64 { return f.most / parts }

// next begins the next file.
func (f *files) next() error {
	if err := f.close(); err != nil {
		return err
	}
	if err := f.makeRoom(); err != nil {
		return err
	}
	f.number++
	to, err := f.create(filepath.Join(f.dir, fmt.Sprintf("waitgraph-%s-%06d.jsonl", f.recording, f.number)))
	if err != nil {
		return err
	}
	f.to, f.size = to, 0
	f.buffer = bufio.NewWriterSize(to, 64<<10)
	return nil
}

// create makes a file that only its owner can read: names of processes and
// queues are nobody else's business.
func create(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// makeRoom removes the oldest files until there is room for one more.
func (f *files) makeRoom() error {
	paths, err := filepath.Glob(filepath.Join(f.dir, "waitgraph-*.jsonl"))
	if err != nil {
		return err
	}
	slices.Sort(paths) // which is by age
	sizes, total := make([]int64, len(paths)), int64(0)
	for i, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		sizes[i] = info.Size()
		total += sizes[i]
	}
	for i, path := range paths {
		if total+f.part() <= f.most {
			break
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		total -= sizes[i]
	}
	return nil
}

// fits reports whether the present file has room for a line.
func (f *files) fits(data []byte) bool {
	return f.to != nil && f.size+int64(len(data)) <= f.part()
}

func (f *files) write(data []byte) error {
	f.size += int64(len(data))
	_, err := f.buffer.Write(data)
	return err
}

func (f *files) flush() error {
	if f.to == nil {
		return nil
	}
	return f.buffer.Flush()
}

func (f *files) close() error {
	if f.to == nil {
		return nil
	}
	err := errors.Join(f.buffer.Flush(), f.to.Close())
	f.to = nil
	return err
}
