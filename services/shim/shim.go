package shim

import (
	"context"
	"errors"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/waitgraph/waitgraph/services/shim/streampb"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// RunShim serves clients until ctx ends.
func RunShim(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configure shim: %w", err)
	}
	cfg = cfg.withDefaults()
	conn, err := dial(ctx, cfg, "shim")
	if err != nil {
		return err
	}
	defer conn.Close()
	f := &front{changed: make(chan struct{})}
	server := grpc.NewServer()
	streampb.RegisterShimServer(server, f)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Serve(cfg.Listener) })
	g.Go(func() error {
		defer server.Stop()
		for {
			s := newShim(cfg, conn)
			if err := s.live(ctx, f); ctx.Err() != nil {
				return ctx.Err()
			} else if err != nil {
				cfg.Log.ErrorContext(ctx, "shim exits", "error", err)
			}
		}
	})
	return g.Wait()
}

// shim is one life of the shim, from its start to its exit.
type shim struct {
	Config
	conn *amqprpc.Conn
	// inbox takes what the receive routine is to do: items of the engine and, if
	// the routines are joined, requests of clients.
	inbox   *watched.Chan[event]
	receive *tracing.Process
	ctx     context.Context //nolint:containedctx // the life itself: streams end with it
	exit    context.CancelCauseFunc

	mu      sync.Mutex
	clients map[uint64]*client
}

// event is an order on its way to the engine, or an answer on its way from it.
type event struct {
	order  *streampb.Order
	answer *streampb.Answer
}

func newShim(cfg Config, conn *amqprpc.Conn) *shim {
	return &shim{
		Config: cfg, conn: conn, clients: make(map[uint64]*client),
		inbox: watched.NewChan[event](cfg.Agent.ID().String()+"/shim.inbox", 0),
	}
}

// live runs one life, until ctx ends or a process gives up.
func (s *shim) live(ctx context.Context, f *front) error {
	s.ctx, s.exit = context.WithCancelCause(ctx)
	defer s.exit(nil)
	s.receive = s.Agent.Process(Receive)
	receiver, err := s.inbox.Receiver(s.receive)
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(s.ctx)
	g.Go(func() error {
		defer receiver.Detach()
		return s.work(tracing.WithProcess(gctx, s.receive), receiver)
	})
	g.Go(func() error { return s.takeIn(gctx) })
	f.set(s)
	err = g.Wait()
	f.set(nil)
	s.exit(err)
	return err
}

// work is the receive routine.
func (s *shim) work(ctx context.Context, inbox *watched.Receiver[event]) error {
	s.Hooks.Started(Receive)
	for {
		e, err := inbox.Receive(ctx)
		switch {
		case err != nil:
			s.receive.Stop()
			return err
		case e.answer != nil:
			s.forward(e.answer)
		default:
			if err := s.enqueue(ctx, Receive, e.order); err != nil {
				s.receive.Crash()
				return s.crash(ctx, Receive, err)
			}
		}
	}
}

// crash tells that a process gave up, unless the shim has ended anyway.
func (s *shim) crash(ctx context.Context, process string, err error) error {
	if ctx.Err() == nil {
		s.Hooks.Crashed(process, err)
	}
	return fmt.Errorf("%s: unknown timeout: %w", process, err)
}

// enqueue makes the process of ctx wait until the engine has taken an order.
func (s *shim) enqueue(ctx context.Context, process string, o *streampb.Order) error {
	body, err := proto.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode order: %w", err)
	}
	ended := s.Hooks.Calling(process, Requests)
	_, err = s.conn.Call(ctx, amqprpc.Call{Key: Requests, Body: body, ContentType: contentType, Timeout: s.Timeout})
	ended(err)
	return err
}

// takeIn is the intake routine: it takes the engine's answers out of the buffer, one
// at a time, and hands them to the receive routine.
func (s *shim) takeIn(ctx context.Context) error {
	process := s.Agent.Process(Intake)
	defer process.Stop()
	sender, err := s.inbox.Sender(process)
	if err != nil {
		return err
	}
	defer sender.Detach()
	for {
		err := s.conn.Channel(ctx, func(ctx context.Context, ch *amqp.Channel) error { return s.consume(ctx, ch, process, sender) })
		if ctx.Err() != nil || !errors.Is(err, amqprpc.ErrConnectionLost) {
			return err
		}
	}
}

func (s *shim) consume(ctx context.Context, ch *amqp.Channel, process *tracing.Process, inbox *watched.Sender[event]) error {
	if err := declareAnswers(ch); err != nil {
		return fmt.Errorf("declare: %w", err)
	}
	if err := ch.Qos(1, 0, false); err != nil {
		return fmt.Errorf("set prefetch: %w", err)
	}
	process.Joined(Answers)
	defer process.Left(Answers)
	deliveries, err := ch.Consume(Answers, "", false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	s.Hooks.Started(Intake)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case d, ok := <-deliveries:
			if !ok {
				return amqprpc.ErrConnectionLost
			}
			if err := s.hand(ctx, inbox, d.Body); err != nil {
				return err
			}
			if err := d.Ack(false); err != nil {
				return fmt.Errorf("%w: %w", amqprpc.ErrConnectionLost, err)
			}
		}
	}
}

// hand gives an answer to the receive routine. What is none is dropped.
func (s *shim) hand(ctx context.Context, inbox *watched.Sender[event], body []byte) error {
	a := new(streampb.Answer)
	if err := proto.Unmarshal(body, a); err != nil || a.GetItem() == nil {
		s.Log.WarnContext(ctx, "drop what is no answer", "error", err)
		return nil
	}
	ended := s.Hooks.Calling(Intake, Receive)
	err := inbox.Send(ctx, event{answer: a})
	ended(err)
	return err
}

// forward gives an item to its client, if that is still there.
func (s *shim) forward(a *streampb.Answer) {
	s.mu.Lock()
	c := s.clients[a.GetClient()]
	s.mu.Unlock()
	if c != nil {
		c.send(a.GetItem())
	}
}
