package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/report"
)

// deadlock returns a confirmed verdict about a process that waits for itself,
// as the API shows it.
func deadlock(t *testing.T) []byte {
	t.Helper()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	a := report.Agent{Name: "a", Incarnation: 1}
	b := &report.Batch{Agent: a, States: []report.State{{
		Key: report.Key{Agent: a, Process: "p", Activation: 1}, Epoch: 1, Seq: 1, Need: 1,
		Waits: []report.Wait{{Resource: "r", Kind: report.Reply, Since: now}},
		Holds: []report.Hold{{Resource: "r", Kind: report.Reply}},
	}}}
	d := detector.New(detector.DefaultConfig())
	for _, e := range d.Step(now, detector.Reported{Batch: b}) {
		if ask, ok := e.(detector.Ask); ok {
			b.Answer = &report.Answer{Round: ask.Question.Round}
		}
	}
	d.Step(now.Add(time.Millisecond), detector.Reported{Batch: b})
	data, err := json.Marshal(explain.OfProven(d.Verdicts()[0], now))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestVerify(t *testing.T) {
	right := deadlock(t)
	file := filepath.Join(t.TempDir(), "verdict.json")
	if err := os.WriteFile(file, right, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, nil, "verify", file).CombinedOutput()
	if err != nil || strings.Count(string(out), "checked: ") != 7 || !bytes.HasSuffix(out, []byte("The proof holds: this was a deadlock.\n")) {
		t.Errorf("%v, and it said\n%s", err, out)
	}
	for change, says := range map[string]string{
		`"after":{"epoch":1>"after":{"epoch":2`: `waitgraph: the proof does not hold: "p" of agent "a#1" was in epoch 1 before the asking and in epoch 2 after it`,
		`"proof":>"prof":`:                      "waitgraph: the proof does not hold: there is no proof",
		`{"id">{id`:                             "waitgraph: read verdict: invalid character",
	} {
		before, after, _ := strings.Cut(change, ">")
		c := command(t, nil, "verify", "-")
		c.Stdin = strings.NewReader(strings.Replace(string(right), before, after, 1))
		out, err := c.CombinedOutput()
		if c.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), says) {
			t.Errorf("%v, and it said\n%s", err, out)
		}
	}
}
