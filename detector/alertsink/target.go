package alertsink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/waitgraph/waitgraph/internal/secret"
)

// Bounds on what a receiver can do to us.
const (
	answerTime   = 5 * time.Second // for one attempt
	maxAnswer    = 4 << 10         // bytes of an answer that are read, so that the connection can be used again
	maxHeader    = 64 << 10
	maxKeepAlive = time.Minute // of an idle connection
)

// Pauses between attempts. They grow from the shortest to the longest; a receiver
// may ask for one between leastAsked and mostAsked.
const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 5 * time.Second
	leastAsked    = time.Second
	mostAsked     = 30 * time.Second
)

// target is one receiver, and what waits for it.
type target struct {
	form
	url      *url.URL
	auth     *Receivers
	external string // where the HTTP API is
	client   *http.Client
	queue    *queue
	trouble  func(message string, err error)
}

// newTransport returns a transport that bounds what an answer can cost.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: answerTime}).DialContext,
		TLSHandshakeTimeout:    answerTime,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        maxKeepAlive,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// run tells the receiver what there is until ctx ends.
func (t *target) run(ctx context.Context) {
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: shortestPause, MaxInterval: longestPause, Multiplier: 2, RandomizationFactor: 0.2,
	}
	attempt := func() (struct{}, error) { return struct{}{}, t.attempt(ctx) }
	for t.queue.wait(ctx) {
		// It returns an error only when ctx ends.
		_, _ = backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0))
	}
}

// attempt tells the receiver the newest states, as many as fit into one message.
// After an error it is worth trying again.
func (t *target) attempt(ctx context.Context) error {
	entries := t.queue.next(time.Now(), t.batch)
	if len(entries) == 0 {
		return nil
	}
	err := t.tell(ctx, entries)
	refused := new(refusedError)
	switch {
	case err == nil:
		t.queue.settle(time.Now(), entries, sent)
		return nil
	case errors.As(err, &refused):
		t.queue.settle(time.Now(), entries, rejected)
		t.complain("alerts rejected", err)
		return nil
	}
	t.queue.postpone(entries)
	if ctx.Err() == nil {
		t.queue.metrics.retry()
		t.complain("alerts not delivered yet", err)
	}
	return err
}

func (t *target) complain(message string, err error) {
	t.trouble(message, fmt.Errorf("tell %s %s: %w", t.name, shown(t.url), err))
}

// tell makes one attempt. Its errors show nothing that the receiver said but
// the number of its status.
func (t *target) tell(ctx context.Context, entries []*entry) error {
	alerts := make([]*alert, len(entries))
	for i, e := range entries {
		alerts[i] = e.alert
	}
	body, err := t.encode(alerts, t.external)
	if err != nil {
		return &refusedError{fmt.Errorf("encode alerts: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url.String(), bytes.NewReader(body))
	if err != nil {
		return &refusedError{errors.New("make request")}
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "waitgraph")
	if err := t.auth.authorize(q); err != nil {
		return err
	}
	r, err := t.client.Do(q)
	if err != nil {
		return plain(err)
	}
	defer r.Body.Close()                                          //nolint:errcheck // the status is all that counts
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxAnswer)) // so that the connection can be used again
	return judge(r)
}

// refusedError says that trying again would not help.
type refusedError struct{ error }

// judge returns what the status of an answer means.
func judge(r *http.Response) error {
	code := r.StatusCode
	err := fmt.Errorf("it answered %d %s", code, http.StatusText(code))
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		if asked, ok := askedPause(r); ok {
			return fmt.Errorf("%w: %w", err, &backoff.RetryAfterError{Duration: asked})
		}
		return err
	case code >= 500 || code == http.StatusRequestTimeout:
		return err
	}
	return &refusedError{err}
}

// askedPause returns after how long the receiver wants to be tried again.
func askedPause(r *http.Response) (time.Duration, bool) {
	n, err := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0, false
	}
	return min(max(time.Duration(n)*time.Second, leastAsked), mostAsked), true
}

var (
	errSlow     = fmt.Errorf("it did not answer within %v", answerTime)
	errNonsense = errors.New("it gave no valid HTTP answer")
)

// plain returns why there is no answer, as far as that may be shown.
func plain(err error) error {
	switch why := secret.Failure(err); {
	case why == nil:
		return errNonsense
	case errors.Is(why, context.DeadlineExceeded):
		return errSlow
	default:
		return why
	}
}
