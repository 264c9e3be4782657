package presence_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/demo/presence"
	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/services/cluster"
)

// All nodes list the same ones, and a name that is taken is refused.
func TestNodesByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := minibroker.New()
		defer b.Close()
		e := demo.Example{Name: "test", Node: func(ctx context.Context, p *demo.Part, name string) error {
			return presence.Run(ctx, p, "test", name, func(ctx context.Context) error {
				<-ctx.Done()
				return nil
			})
		}}
		ctx, stop := context.WithCancel(t.Context())
		var g sync.WaitGroup
		said := make(map[string]*bytes.Buffer)
		for _, name := range []string{"n1", "n2"} {
			out := new(bytes.Buffer)
			said[name] = out
			g.Go(func() {
				if err := demo.RunNode(ctx, e, demo.Config{URL: "amqp://guest:guest@embedded/", Dial: b.Dial, Out: out}, name); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		time.Sleep(5 * time.Second)
		err := demo.RunNode(ctx, e, demo.Config{URL: "amqp://guest:guest@embedded/", Dial: b.Dial, Out: new(bytes.Buffer)}, "n1")
		if !errors.Is(err, cluster.ErrTaken) {
			t.Errorf("a second n1: %v", err)
		}
		stop()
		g.Wait()
		for name, out := range said {
			if !strings.Contains(out.String(), name+" sees n1, n2\n") {
				t.Errorf("%s said %q", name, out)
			}
		}
	})
}
