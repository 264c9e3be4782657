package recording

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// parts is into how many files a folder's bytes are divided.
const parts = 8

// files writes the files of one recording, and removes others of its folder.
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

// named is what the files are called: by their recording and number.
var named = regexp.MustCompile(`^waitgraph-([0-9]{8}T[0-9]{6}\.[0-9]{9}Z)-([0-9]{6,12})\.jsonl$`)

// stored is a file in the folder.
type stored struct {
	name      string
	recording string
	number    int
	size      int64
}

// stored returns the files of all recordings, in the order in which they are to be
// removed: those of others first. A recording's name does not tell whether it is
// older than the present one, since the clock may have been ahead.
func (f *files) stored() ([]stored, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var others, own []stored
	for _, e := range entries {
		match := named.FindStringSubmatch(e.Name())
		if match == nil || !e.Type().IsRegular() {
			continue
		}
		number, err := strconv.Atoi(match[2])
		if err != nil {
			return nil, err
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if one := (stored{e.Name(), match[1], number, info.Size()}); one.recording == f.recording {
			own = append(own, one)
		} else {
			others = append(others, one)
		}
	}
	for _, all := range [][]stored{others, own} {
		slices.SortFunc(all, func(a, b stored) int {
			return cmp.Or(strings.Compare(a.recording, b.recording), cmp.Compare(a.number, b.number))
		})
	}
	return append(others, own...), nil
}

// makeRoom removes files until there is room for one more.
func (f *files) makeRoom() error {
	all, err := f.stored()
	if err != nil {
		return err
	}
	total := f.part()
	for i := range all {
		total += all[i].size
	}
	for i := range all {
		if total <= f.most {
			break
		}
		if err := os.Remove(filepath.Join(f.dir, all[i].name)); err != nil {
			return err
		}
		total -= all[i].size
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
