package amqprpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Result is how one of several calls ended.
type Result struct {
	Reply Reply
	Err   error
}

// Gather makes calls at the same time and waits until need of them have been
// answered: tracing.All, tracing.Any, or a number. It returns as soon as that
// is so or cannot be any more; calls still open then are cancelled, and their
// Err says so. The results are in the order of the calls. The error is nil if
// enough succeeded, and joins those of the calls that failed otherwise. The
// process of ctx waits for all of it at once, in one wait.
func (c *Conn) Gather(ctx context.Context, need int, calls ...Call) ([]Result, error) {
	need, err := needed(need, len(calls))
	if err != nil {
		return nil, err
	}
	attempts, err := c.prepareAll(ctx, calls)
	if err != nil {
		return nil, err
	}
	wait := c.block(ctx, need, attempts...)
	results := make([]Result, len(calls))
	done := make(chan int, len(calls))
	for i, a := range attempts {
		go func() {
			results[i].Reply, results[i].Err = c.attempt(a, wait)
			done <- i
		}()
	}
	return results, collect(ctx, attempts, results, done, need, wait)
}

// collect waits for every attempt. As soon as the outcome is certain, it ends
// the wait and cuts the rest short. When ctx ends, the wait does, as a whole: what
// it is for cannot be given up one by one.
func collect(ctx context.Context, attempts []*attempt, results []Result, done <-chan int, need int, wait *tracing.Blocking) error {
	var failures []error
	missing, spare := need, len(attempts)-need
	for ended := range attempts {
		open := len(attempts) - 1 - ended
		i := <-done
		err := results[i].Err
		switch {
		case missing == 0 || spare < 0: // decided already
			continue
		case err == nil:
			missing--
			wait.Granted(i)
		default:
			spare--
			failures = append(failures, err)
		}
		switch {
		case missing == 0 || spare < 0:
			wait.End(causeOfAll(err, open))
			cancel(attempts)
		case err != nil && ctx.Err() != nil:
			wait.End(causeOfAll(err, open))
		case err != nil:
			wait.Failed(i)
		}
	}
	if missing == 0 {
		return nil
	}
	return errors.Join(failures...)
}

// causeOfAll tells the agent why a wait for several replies ended, when a call did
// and so many are open. Those are given up if it failed, also if by a remote error.
func causeOfAll(err error, open int) report.Cause {
	cause := causeOf(err)
	if err != nil && cause == report.Granted && open > 0 {
		return report.Cancelled
	}
	return cause
}

func cancel(attempts []*attempt) {
	for _, a := range attempts {
		a.cancel()
	}
}

func needed(need, of int) (int, error) {
	if need == tracing.All {
		need = of
	}
	if need < 1 || need > of {
		return 0, fmt.Errorf("%w: gather %d of %d calls", ErrInvalid, need, of)
	}
	return need, nil
}

func (c *Conn) prepareAll(ctx context.Context, calls []Call) ([]*attempt, error) {
	attempts := make([]*attempt, 0, len(calls))
	for _, call := range calls {
		a, err := c.prepare(ctx, call)
		if err != nil {
			for _, a := range attempts {
				a.cancel()
				endSpan(a.span, err)
			}
			return nil, err
		}
		attempts = append(attempts, a)
	}
	return attempts, nil
}
