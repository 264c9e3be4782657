package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one error in a file: where it is, what is wrong and what was
// expected there.
type Problem struct {
	File         string
	Line, Column int // from 1
	Wrong, Want  string
}

// String returns file:line:column, what is wrong and what was expected.
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Wrong)
	if p.Want != "" {
		s += "; expected " + p.Want
	}
	return s
}

// FileErrors is the error about a file: all that is wrong in it, in the order of their places.
type FileErrors []Problem

// Error returns one line for each problem.
func (p FileErrors) Error() string {
	var lines []string
	for _, one := range p {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems in order, each once: what is wrong with a group
// is wrong with all its members.
func (p FileErrors) sorted() FileErrors {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.CompactFunc(p, func(a, b Problem) bool { return a.Line == b.Line && a.Column == b.Column })
}
