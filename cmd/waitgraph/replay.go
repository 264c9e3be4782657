package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/recording"
)

type replayCommand struct {
	Files []string `arg:"" name:"file" help:"Files of recordings, in any order."`
}

// Run prints every announcement as it was made, and what differs from the
// recorded ones.
func (c *replayCommand) Run() error {
	out := bufio.NewWriter(os.Stdout)
	result, err := recording.Replay(c.Files, recording.Player{
		Announced: func(at time.Time, a detector.Announce) {
			_, _ = fmt.Fprintf(out, "%s %s\n", at.UTC().Format(time.RFC3339Nano), announced(at, a))
		},
		Noted: func(words string) { _, _ = fmt.Fprintln(out, "!", explain.Printable(words)) },
	})
	if err == nil {
		_, _ = fmt.Fprintf(out, "%d recordings, %d events, %d announcements, %d compared, %d different, %d gaps\n",
			result.Recordings, result.Events, result.Announcements, result.Compared, result.Different, result.Gaps)
	}
	switch flushed := out.Flush(); {
	case err != nil:
		return err
	case flushed != nil:
		return flushed
	case result.Different > 0:
		return errors.New("the announcements are not as they were recorded")
	case result.Gaps > 0:
		return errors.New("the recording is not whole, so that not all of it could be compared")
	}
	return nil
}

// announced words an announcement: in full, or of what only still stands in a line.
func announced(at time.Time, a detector.Announce) string {
	v := explain.Of(a.Verdict, at)
	if a.Again {
		return v.ID + " again: " + v.Summary
	}
	return v.ID + " " + strings.TrimSpace(v.String())
}
