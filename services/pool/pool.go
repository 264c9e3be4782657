package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// Queue is the one that all workers share, or those of depth 0 if the pool is
// layered.
const Queue = "pool.work"

// QueueOf returns the queue for requests of a depth.
func QueueOf(depth int, layered bool) string {
	if !layered || depth == 0 {
		return Queue
	}
	return Queue + "." + strconv.Itoa(depth)
}

// Queues returns the names of all queues, which outlive the service by an hour.
func Queues() []string {
	var names []string
	for depth := range MaxDepth + 1 {
		names = append(names, QueueOf(depth, true))
	}
	return names
}

// Run runs one replica until ctx ends: its workers, on one connection.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configure replica: %w", err)
	}
	cfg = cfg.withDefaults()
	name := fmt.Sprintf("pool@%d", cfg.Replica)
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{
		URL: cfg.URL, Dial: cfg.Dial, Name: name, Agent: cfg.Agent, Log: cfg.Log,
	}, amqprpc.WithTracerProvider(cfg.TracerProvider))
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer conn.Close()
	r := &replica{Config: cfg, conn: conn}
	g, ctx := errgroup.WithContext(ctx)
	if !cfg.Layered {
		r.workers(ctx, g, Queue, "")
	} else {
		for depth := range MaxDepth + 1 {
			r.workers(ctx, g, QueueOf(depth, true), fmt.Sprintf("%d.", depth))
		}
	}
	if err := g.Wait(); ctx.Err() == nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// replica is what the workers of one replica share.
type replica struct {
	Config
	conn *amqprpc.Conn
}

// workers starts the workers of one queue.
func (r *replica) workers(ctx context.Context, g *errgroup.Group, queue, prefix string) {
	start := func(i int, srv amqprpc.Server, permits *watched.Semaphore) {
		name := fmt.Sprintf("worker:%s%d.%d", prefix, r.Replica, i)
		g.Go(func() error { return r.serve(ctx, name, srv, permits) })
	}
	switch r.Form {
	case Consumers:
		for i := range r.Workers {
			start(i+1, amqprpc.Server{Queue: queue}, nil)
		}
	case Goroutines:
		start(1, amqprpc.Server{Queue: queue, PerRequest: true, Prefetch: r.Workers}, nil)
	case Semaphore:
		permits := fmt.Sprintf("permits/%s/%d/%s", r.Agent.ID(), r.Replica, queue)
		start(1, amqprpc.Server{Queue: queue, PerRequest: true, Prefetch: MaxRequests}, watched.NewSemaphore(permits, r.Workers))
	}
}

// serve makes one process serve requests until ctx ends, each with a permit if
// there are any.
func (r *replica) serve(ctx context.Context, name string, srv amqprpc.Server, permits *watched.Semaphore) error {
	process := r.Agent.Process(name)
	defer process.Stop()
	srv.Process, srv.Declare = process, func(ch *amqp.Channel) error {
		err := declare(ch, srv.Queue)
		if err == nil {
			r.Hooks.Started(name)
		}
		return err
	}
	srv.Handler = func(ctx context.Context, q *amqprpc.Request) ([]byte, error) {
		who := cmp.Or(tracing.ProcessFrom(ctx).Name(), name)
		answer, err := r.permitted(ctx, permits, who, q.Body)
		if err != nil {
			r.Hooks.Refused(who, err)
			return nil, err
		}
		return encode(answer), nil
	}
	return r.conn.Serve(ctx, srv)
}

// permitted answers a request while it holds a permit.
func (r *replica) permitted(ctx context.Context, permits *watched.Semaphore, process string, body []byte) (int, error) {
	if permits != nil {
		ended := r.Hooks.Calling(process, "a permit")
		err := permits.Acquire(ctx)
		if ended(err); err != nil {
			return 0, err
		}
		defer permits.Release(ctx) //nolint:errcheck // it is held
	}
	return r.answer(ctx, process, body)
}

// answer works on one request: it takes the time that it takes, and asks the pool
// if it goes deeper.
func (r *replica) answer(ctx context.Context, process string, body []byte) (int, error) {
	depth, err := decode(body)
	if err != nil {
		return 0, err
	}
	if err := pause.For(ctx, r.Work(depth)); err != nil {
		return 0, err
	}
	if depth == 0 {
		return 0, nil
	}
	below, err := r.ask(ctx, process, depth-1)
	if err != nil {
		return 0, err
	}
	return below + 1, nil
}

func (r *replica) ask(ctx context.Context, process string, depth int) (int, error) {
	queue := QueueOf(depth, r.Layered)
	ended := r.Hooks.Calling(process, queue)
	answer, err := ask(ctx, r.conn, queue, depth, r.Timeout)
	ended(err)
	return answer, err
}

// Ask asks a pool once, in the name of the process of ctx if there is one. The
// answer is the depth.
func Ask(ctx context.Context, conn *amqprpc.Conn, depth int, layered bool, timeout time.Duration) (int, error) {
	return ask(ctx, conn, QueueOf(depth, layered), depth, timeout)
}

func ask(ctx context.Context, conn *amqprpc.Conn, queue string, depth int, timeout time.Duration) (int, error) {
	reply, err := conn.Call(ctx, amqprpc.Call{Key: queue, Body: encode(depth), ContentType: contentType, Timeout: timeout})
	if err != nil {
		return 0, fmt.Errorf("ask for depth %d: %w", depth, inbound(err))
	}
	return decode(reply.Body)
}

// sharedFor is how long, in milliseconds, a queue outlives its last consumer.
const sharedFor = 3_600_000

func declare(ch *amqp.Channel, queue string) error {
	_, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-expires": int32(sharedFor)})
	return err
}

// ErrDepth says that a request is no number from 0 to MaxDepth.
var ErrDepth = errors.New("unknown depth")

// inbound returns ErrDepth if that is what a worker answered, or err: an error
// travels as its text.
func inbound(err error) error {
	if remote := new(amqprpc.RemoteError); errors.As(err, &remote) && remote.Message == ErrDepth.Error() {
		return ErrDepth
	}
	return err
}

// contentType is that of requests, which say a depth, and of answers.
const contentType = "text/plain"

func encode(depth int) []byte { return strconv.AppendInt(nil, int64(depth), 10) }

func decode(body []byte) (int, error) {
	depth, err := strconv.Atoi(string(body))
	if err != nil || depth < 0 || depth > MaxDepth {
		return 0, ErrDepth
	}
	return depth, nil
}
