package shimplay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/shim"
)

// timeout is the shim's, an hour where people met it.
const timeout = 5 * time.Second

// work is the engine's, for each item.
const work = 2 * time.Millisecond

// system is an engine, a shim and a connection for its clients.
type system struct {
	stage *demo.Stage
	conn  *grpc.ClientConn
}

// build returns what starts an engine and a shim of a variant, each a part of its
// own.
func build(v shim.Variant) func(context.Context, *demo.Stage) (*system, error) {
	return func(ctx context.Context, stage *demo.Stage) (*system, error) {
		hooks := shim.Hooks{Started: stage.Started, Calling: stage.Calling, Crashed: stage.Crashed}
		stage.Go("engine", func(ctx context.Context, p *demo.Part) error {
			return shim.RunEngine(ctx, config(p, hooks))
		})
		if err := stage.Complete(ctx, shim.Engine); err != nil {
			return nil, err
		}
		clients := bufconn.Listen(1 << 16)
		stage.Go("shim", func(ctx context.Context, p *demo.Part) error {
			cfg := config(p, hooks)
			cfg.Variant, cfg.Listener = v, clients
			return shim.RunShim(ctx, cfg)
		})
		s := &system{stage: stage}
		if err := s.connect(clients); err != nil {
			return nil, err
		}
		return s, stage.Complete(ctx, shim.Receive, shim.Intake)
	}
}

func config(p *demo.Part, hooks shim.Hooks) shim.Config {
	return shim.Config{
		URL: p.URL, Dial: p.Dial, Agent: p.Agent, Timeout: timeout, Work: work, TracerProvider: p.TracerProvider, Log: p.Log, Hooks: hooks,
	}
}

// connect makes the clients' connection, within this OS process. It lives in a part
// of its own, so that it ends with the stage.
func (s *system) connect(clients *bufconn.Listener) error {
	conn, err := grpc.NewClient("passthrough:shim", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return clients.DialContext(ctx) }))
	if err != nil {
		return fmt.Errorf("connect clients: %w", err)
	}
	s.conn = conn
	s.stage.Go("clients", func(ctx context.Context, _ *demo.Part) error {
		<-ctx.Done()
		return errors.Join(ctx.Err(), conn.Close())
	})
	return nil
}

// client opens a stream that takes its time between two items.
func (s *system) client(ctx context.Context, slow time.Duration) (*shim.Client, error) {
	return shim.Connect(ctx, s.conn, slow)
}

// fetch has a client ask for so many items.
func (s *system) fetch(ctx context.Context, c *shim.Client, name string, count int) error {
	return s.stage.Ask(ctx, name, request(name, count), func(ctx context.Context) (string, error) {
		n, err := c.Fetch(ctx, count)
		return fmt.Sprint(n, " items"), err
	})
}

// request is how a request is written.
func request(client string, count int) string { return fmt.Sprintf("%s: fetch(%d)", client, count) }
