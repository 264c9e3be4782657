package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/history"
)

// parameters are those of /api/v1/deadlocks, and what sets them.
var parameters = map[string]func(q *history.Query, value string) error{
	"since":   func(q *history.Query, v string) error { return setTime(&q.Since, v) },
	"until":   func(q *history.Query, v string) error { return setTime(&q.Until, v) },
	"service": func(q *history.Query, v string) error { q.Service = v; return nil },
	"process": func(q *history.Query, v string) error { q.Process = v; return nil },
	"status": func(q *history.Query, v string) error {
		q.Status = detector.Status(v)
		return expect(slices.Contains(statuses, q.Status), "one of suspected, confirmed, resolved and retracted")
	},
	"fingerprint": func(q *history.Query, v string) error {
		q.Fingerprint = v
		return expect(len(v) == 16 && strings.Trim(v, "0123456789abcdef") == "", "16 hexadecimal digits")
	},
	"limit": func(q *history.Query, v string) (err error) {
		q.Limit, err = strconv.Atoi(v)
		return expect(err == nil && q.Limit > 0 && q.Limit <= history.MaxLimit, expected("a number from 1 to "+strconv.Itoa(history.MaxLimit)))
	},
	"cursor": func(q *history.Query, v string) error {
		var ok bool
		q.After, ok = history.ParseCursor(v)
		return expect(ok, "what an earlier answer gave as next")
	},
}

var statuses = []detector.Status{detector.Suspected, detector.Confirmed, detector.Resolved, detector.Retracted}

// query returns what a URL asks for, or what is wrong with it.
func query(u *url.URL) (q history.Query, err error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return q, fmt.Errorf("unreadable parameters: %w", err)
	}
	for name, given := range values {
		set, ok := parameters[name]
		switch {
		case !ok:
			return q, fmt.Errorf("there is no parameter %q", name)
		case len(given) > 1:
			return q, fmt.Errorf("%s is given more than once", name)
		case given[0] == "":
			continue
		}
		if err := set(&q, given[0]); err != nil {
			return q, fmt.Errorf("%s must be %w", name, err)
		}
	}
	return q, nil
}

// setTime takes a time as RFC 3339 has it.
func setTime(t *time.Time, value string) (err error) {
	*t, err = time.Parse(time.RFC3339, value)
	return expect(err == nil, "a time like 2026-11-21T09:00:00Z")
}

// expected says what a parameter must be.
type expected string

// Error implements error.
func (e expected) Error() string { return string(e) }

func expect(ok bool, what expected) error {
	if ok {
		return nil
	}
	return what
}
