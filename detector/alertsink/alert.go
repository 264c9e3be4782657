package alertsink

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// deadlocksPath is where the HTTP API shows deadlocks by their IDs.
const deadlocksPath = "/api/v1/deadlocks"

// Bounds on the text of one alert.
const (
	maxServices    = 5    // named in the label
	maxName        = 64   // bytes of each
	maxSentences   = 20   // in the description
	maxDescription = 8192 // bytes
)

// identity tells alerts apart: a suspicion and its confirmation are two.
type identity struct {
	deadlock string
	status   detector.Status
}

// alert is the state of one alert. It is not changed once it has been made.
type alert struct {
	identity
	labels      map[string]string
	annotations map[string]string
	url         string // of the verdict at the HTTP API, empty if that is unknown
	over        bool
	again       bool // it says what an earlier state said
	at          time.Time
	// By the detector's wall clock, without a monotonic reading: they are compared
	// as the receiver will compare them. Alertmanager refuses what ends before it
	// starts, so starts is never after at, although the clock may be set back.
	starts time.Time
	ends   time.Time // when it ended, or until when it holds unless it is repeated
}

// fires returns the alert for a verdict that stands, which holds for a time.
// Api is where the HTTP API is, nil if that is unknown.
func fires(v *detector.Verdict, at time.Time, holds time.Duration, api *url.URL) *alert {
	a := &alert{
		identity: identity{v.ID, v.Status},
		labels: map[string]string{
			"alertname": "WaitgraphDeadlock",
			"deadlock":  cut(explain.Printable(v.ID), maxName),
			"status":    string(v.Status),
			"severity":  "critical",
			"kind":      string(v.Kind),
			"services":  services(v.Core),
		},
		starts: v.Confirmed.Round(0), ends: at.Add(holds).Round(0), at: at,
	}
	if v.Status == detector.Suspected {
		a.labels["severity"], a.starts = "warning", v.Suspected.Round(0)
	}
	a.starts = earlier(a.starts, at.Round(0))
	x := explain.Of(*v, at)
	a.annotations = map[string]string{"summary": cut(x.Summary, maxDescription), "description": description(&x)}
	if !v.FirstTimeout.IsZero() {
		a.annotations["first_timeout"] = v.FirstTimeout.UTC().Format(time.RFC3339Nano)
	}
	if api != nil {
		a.url = api.JoinPath(deadlocksPath, url.PathEscape(v.ID)).String()
		a.annotations["deadlock_url"] = a.url
	}
	return a
}

// ended returns a as it ended, with the summary of how.
func (a *alert) ended(at time.Time, summary string) *alert {
	e := *a
	e.over, e.again, e.at, e.ends = true, false, at, at.Round(0)
	e.starts = earlier(e.starts, e.ends)
	e.annotations = maps.Clone(a.annotations)
	e.annotations["summary"] = cut(summary, maxDescription)
	return &e
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// expires returns when the state is no longer worth telling.
func (a *alert) expires() time.Time {
	if a.over {
		return a.at.Add(keepEnded)
	}
	return a.ends
}

// services lists those of a core, sorted.
func services(core []detector.Member) string {
	all := make(map[string]bool)
	for i := range core {
		if s := core[i].Service; s != "" {
			all[s] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(all))
	var named []string
	for _, s := range sorted[:min(len(sorted), maxServices)] {
		named = append(named, cut(explain.Printable(s), maxName))
	}
	if more := len(sorted) - len(named); more > 0 {
		named = append(named, "and "+strconv.Itoa(more)+" more")
	}
	return strings.Join(named, ",")
}

func description(x *explain.Verdict) string {
	shown := x.Sentences[:min(len(x.Sentences), maxSentences)]
	s := cut(strings.Join(shown, "\n"), maxDescription)
	if more := x.EdgeCount - len(shown); more > 0 {
		s += "\nand " + strconv.Itoa(more) + " more such waits."
	}
	return s
}

// cut shortens s to n bytes of UTF-8, and shows where.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	return strings.ToValidUTF8(s[:n-len(mark)], "") + mark
}
