package stock

import (
	"context"
	"errors"
	"strconv"

	"github.com/waitgraph/waitgraph/services/cluster"
)

// full is what is on a shelf that nobody has touched yet.
const full = 10

// holding runs f while the clerk holds a shelf. He waits for it no longer than
// his timeout.
func (c *clerk) holding(ctx context.Context, p *cluster.Process, shelf string, f func(ctx context.Context) error) error {
	name := lockOf(shelf)
	ended := c.Hooks.Calling(p.PID().String(), "lock "+shelf)
	patience, done := context.WithTimeout(ctx, c.Timeout)
	_, err := p.SetLock(patience, name)
	done()
	ended(err)
	if err != nil {
		return err
	}
	defer p.DelLock(name) //nolint:errcheck // a lock that was lost is given up already
	return f(ctx)
}

func lockOf(shelf string) string { return "shelf " + shelf }

// ask asks another clerk to count a shelf.
func (c *clerk) ask(ctx context.Context, p *cluster.Process, other cluster.Address, shelf string) (string, error) {
	ended := c.Hooks.Calling(p.PID().String(), other.String())
	answer, err := Count(ctx, p, other, shelf)
	ended(err)
	return answer, err
}

func (c *clerk) read(ctx context.Context, shelf string) (int, error) {
	v, err := c.Node.Get(ctx, group, shelf)
	switch {
	case errors.Is(err, cluster.ErrNoValue):
		return full, nil
	case err != nil:
		return 0, err
	}
	return strconv.Atoi(string(v))
}

func (c *clerk) write(ctx context.Context, p *cluster.Process, shelf string, n int) error {
	return p.Put(ctx, group, shelf, []byte(strconv.Itoa(n)))
}

func (c *clerk) work(ctx context.Context) {
	if c.Work != nil {
		c.Work(ctx)
	}
}
