package recording

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxLine is the greatest length of a line in bytes.
const maxLine = 64 << 20

// file is one file of a recording.
type file struct {
	path string
	start
}

// sorted looks at the first line of each file and returns them in the order in
// which they were recorded.
func sorted(paths []string) ([]file, error) {
	files := make([]file, 0, len(paths))
	for _, path := range paths {
		f := file{path: path}
		errBegun := errors.New("that is all")
		err := lines(path, func(l *line) error {
			if l.Start == nil {
				return errors.New("the first line does not say what it is")
			}
			f.start = *l.Start
			return errBegun
		}, func() {})
		if err == nil {
			err = fmt.Errorf("read %s: it is empty", path)
		}
		if !errors.Is(err, errBegun) {
			return nil, err
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(strings.Compare(a.Recording, b.Recording), cmp.Compare(a.File, b.File))
	})
	return files, nil
}

// lines calls each for the lines of a file until it returns an error, and cut
// if the last one was not written to its end.
func lines(path string, each func(*line) error, cut func()) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	in := bufio.NewReaderSize(from, 1<<20)
	for number := 1; ; number++ {
		data, err := readLine(in)
		switch {
		case errors.Is(err, io.EOF):
			if len(data) > 0 {
				cut()
			}
			return nil
		case err != nil:
			return fmt.Errorf("read %s, line %d: %w", path, number, err)
		}
		var l line
		if err := json.Unmarshal(data, &l); err != nil {
			return fmt.Errorf("read %s, line %d: %w", path, number, err)
		}
		if err := each(&l); err != nil {
			return fmt.Errorf("read %s, line %d: %w", path, number, err)
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := in.ReadSlice('\n')
		whole = append(whole, part...)
		switch {
		case len(whole) > maxLine:
			return nil, fmt.Errorf("more than %d bytes", maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			return bytes.TrimSuffix(whole, []byte("\n")), err
		}
	}
}
