package logsink

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

var at = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func confirmed() detector.Announce {
	m := detector.Member{
		Key: report.Key{Agent: report.Agent{Name: "agent", Incarnation: 1}, Process: "p\x1b[2J"}, Need: 1,
		Waits: []detector.Edge{{Wait: report.Wait{Resource: "r", Kind: report.Lock}}},
	}
	return detector.Announce{Verdict: detector.Verdict{ID: "v1", Kind: detector.Self, Status: detector.Confirmed, Core: []detector.Member{m}}}
}

func TestVerdictIsLoggedInTheCommonForm(t *testing.T) {
	var out bytes.Buffer
	New(slog.New(slog.NewJSONHandler(&out, nil))).Announce(t.Context(), at, confirmed())
	var line struct {
		Level, Msg, ID string
		Verdict        struct {
			Status  string
			Summary string
			Core    []struct{ Process string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "WARN" || line.Msg != "deadlock confirmed" || line.ID != "v1" ||
		line.Verdict.Status != "confirmed" || len(line.Verdict.Core) != 1 {
		t.Errorf("got %s", out.String())
	}

	out.Reset()
	New(slog.New(slog.NewTextHandler(&out, nil))).Announce(t.Context(), at, confirmed())
	if s := out.String(); !strings.Contains(s, `waits for itself`) || strings.Contains(s, "\x1b") || strings.Count(s, "\n") != 1 {
		t.Errorf("got %q", s)
	}
}

func TestStandingVerdictsAreRepeatedSeldom(t *testing.T) {
	var out bytes.Buffer
	l := New(slog.New(slog.NewTextHandler(&out, nil)))
	a := confirmed()
	l.Announce(t.Context(), at, a)
	a.Again = true
	for i := range 25 {
		l.Announce(t.Context(), at.Add(time.Duration(i)*time.Second), a)
	}
	a.Again, a.Verdict.Status = false, detector.Resolved
	l.Announce(t.Context(), at.Add(26*time.Second), a)
	if s := out.String(); strings.Count(s, "deadlock still confirmed") != 2 || strings.Count(s, "\n") != 4 {
		t.Errorf("got\n%s", s)
	}
	if len(l.standing) != 0 {
		t.Error("the verdict that ended is remembered")
	}
}

func TestVerdictsThatEndUnheardAreForgotten(t *testing.T) {
	l := New(slog.New(slog.DiscardHandler))
	for i := range 1000 {
		a := confirmed()
		a.Verdict.ID = strconv.Itoa(i)
		l.Announce(t.Context(), at.Add(time.Duration(i)*Interval/2), a)
	}
	if n := len(l.standing); n > 4 {
		t.Errorf("%d are remembered", n)
	}
}

func TestTroubleIsLoggedOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(slog.New(slog.NewTextHandler(&out, nil)))
		for range 100 {
			l.Trouble(t.Context(), "message rejected", errors.New("bad\nnews"))
		}
		l.Trouble(t.Context(), "something else", errors.New("other"))
		time.Sleep(Interval)
		l.Trouble(t.Context(), "message rejected", errors.New("bad again"))
		s := out.String()
		if strings.Count(s, "message rejected") != 2 || !strings.Contains(s, "suppressed=99") || !strings.Contains(s, "something else") {
			t.Errorf("got\n%s", s)
		}
	})
}
