package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/waitgraph/waitgraph/detector/verify"
)

// maxVerdict is the greatest size in bytes of a verdict with its proof.
const maxVerdict = 256 << 20

type verifyCommand struct {
	File string `arg:"" help:"A verdict with its proof, as /api/v1/deadlocks/ID of the HTTP API shows it; - for standard input."`
}

// Run prints what it has checked, and returns what is wrong.
func (c *verifyCommand) Run() error {
	data, err := c.read()
	if err != nil {
		return fmt.Errorf("read verdict: %w", err)
	}
	var v verify.Verdict
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("read verdict: %w", err)
	}
	checked, err := v.Check()
	for _, words := range checked {
		fmt.Println("checked:", words)
	}
	if err != nil {
		return fmt.Errorf("the proof does not hold: %w", err)
	}
	fmt.Println("The proof holds: this was a deadlock.")
	return nil
}

func (c *verifyCommand) read() ([]byte, error) {
	var from io.Reader = os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxVerdict+1))
	if err == nil && len(data) > maxVerdict {
		err = fmt.Errorf("more than %d bytes", maxVerdict)
	}
	return data, err
}
