package entities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

const (
	// atATime is how many requests a server hands over at a time.
	atATime = 64
	// again is how long to wait before something is tried again.
	again = 50 * time.Millisecond
)

// Server takes requests and keeps the processes of entities. Its methods may be
// called from many goroutines.
type Server struct {
	cfg     Config
	life    context.Context //nolint:containedctx // processes outlive the requests that start them
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	place   Place
	conn    *amqprpc.Conn // to the place
	here    chan struct{} // closed when the server can be asked there
	workers map[string]*worker
}

// Start starts a server and returns when it can be asked. It fails with
// ErrNameTaken if there is one of that name. ctx bounds the start alone; Stop
// ends the server.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	cfg = cfg.withDefaults()
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{cfg: cfg, life: life, stop: stop, place: cfg.Place, here: make(chan struct{}), workers: make(map[string]*worker)}
	var err error
	if s.conn, err = s.dial(ctx, cfg.Place); err != nil {
		stop()
		return nil, fmt.Errorf("start server %s: %w", cfg.Server, err)
	}
	began := make(chan error, 1)
	s.running.Go(func() { s.serve(began) })
	select {
	case err = <-began:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("start server %s: %w", cfg.Server, err)
	}
	return s, nil
}

// Stop ends the server and its processes, and returns when nothing of it runs any
// more.
func (s *Server) Stop() {
	s.stop()
	s.running.Wait()
	conn, _ := s.present()
	conn.Close()
}

// Connect makes the server move to where others are, with its processes and what
// they know. Where names of theirs are taken, one of the two has to go: see the
// package's documentation. It fails with ErrNameTaken, and the server stays where
// it is, if there is one of its name.
func (s *Server) Connect(ctx context.Context, to Place) error {
	conn, err := s.dial(ctx, to)
	if err != nil {
		return fmt.Errorf("connect server %s: %w", s.cfg.Server, err)
	}
	if err := free(ctx, conn, serverQueue(to.Prefix, s.cfg.Server)); err != nil {
		conn.Close()
		return fmt.Errorf("connect server %s: %w", s.cfg.Server, err)
	}
	s.mu.Lock()
	old := s.conn
	here := make(chan struct{})
	s.conn, s.place, s.here = conn, to, here
	s.mu.Unlock()
	old.Close()
	select {
	case <-here:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("connect server %s: %w", s.cfg.Server, context.Cause(ctx))
	}
}

// arrived notes that the server can be asked where the connection leads.
func (s *Server) arrived(conn *amqprpc.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.here:
	default:
		if s.conn == conn {
			close(s.here)
		}
	}
}

// free returns ErrNameTaken if somebody has the name of a queue.
func free(ctx context.Context, conn *amqprpc.Conn, queue string) error {
	err := conn.Channel(ctx, func(_ context.Context, ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(queue, false, true, true, false, nil)
		return err
	})
	refused := new(amqp.Error)
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s", ErrNameTaken, queue)
	case !errors.As(err, &refused):
		return err
	case refused.Code == amqp.NotFound:
		return nil
	case refused.Code == amqp.ResourceLocked:
		return fmt.Errorf("%w: %w", ErrNameTaken, err)
	}
	return err
}

func (s *Server) dial(ctx context.Context, to Place) (*amqprpc.Conn, error) {
	return amqprpc.Dial(ctx, amqprpc.Config{
		URL: to.URL, Dial: to.Dial, Name: "entities " + s.cfg.Server, Agent: s.cfg.Agent, Log: s.cfg.Log,
	}, amqprpc.WithTracerProvider(s.cfg.TracerProvider))
}

// present returns the connection to where the server is, and the prefix of names
// there.
func (s *Server) present() (conn *amqprpc.Conn, prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn, s.place.Prefix
}

// serverQueue returns the name of the queue on which a server is asked.
func serverQueue(prefix, server string) string { return prefix + "entities." + server }

// serve takes requests, wherever the server is, until it ends. The outcome of
// the first attempt is told.
func (s *Server) serve(began chan<- error) {
	for s.life.Err() == nil {
		conn, prefix := s.present()
		queue := serverQueue(prefix, s.cfg.Server)
		process := s.cfg.Agent.Process(queue)
		err := conn.Serve(s.life, amqprpc.Server{
			Queue: queue, Process: process, Prefetch: atATime, PerRequest: true, Handler: s.handle,
			Declare: func(ch *amqp.Channel) error {
				err := claim(ch, queue)
				if err == nil {
					s.cfg.Hooks.Started(queue)
					s.arrived(conn)
					tell(began, nil)
				}
				return err
			},
		})
		process.Stop()
		if errors.Is(err, amqprpc.ErrTaken) {
			err = fmt.Errorf("%w: %w", ErrNameTaken, err)
		}
		tell(began, err)
		_ = pause.For(s.life, again) // the loop looks at it
	}
}

func tell(outcome chan<- error, err error) {
	select {
	case outcome <- err:
	default:
	}
}

// claim takes a name: an exclusive queue, which the broker refuses to every other
// connection. It goes with its consumer.
func claim(ch *amqp.Channel, queue string) error {
	const durable, autoDelete, exclusive, noWait = false, true, true, false
	_, err := ch.QueueDeclare(queue, durable, autoDelete, exclusive, noWait, nil)
	return err
}

// handle hands a request over to the process of its entity.
func (s *Server) handle(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
	req, err := decodeRequest(r.Body)
	if err == nil {
		err = req.check()
	}
	if err != nil {
		return reply(Entity{}, err), nil
	}
	if s.cfg.Variant.Ordered && req.Op == opUpdate && req.With < req.ID {
		req.ID, req.With = req.With, req.ID
	}
	return reply(s.ask(ctx, "", req)), nil
}

// ask asks the process of an entity, which it gets or starts, in the name of
// another process if one is named.
func (s *Server) ask(ctx context.Context, asker string, req request) (Entity, error) {
	name := s.process(req.ID)
	ended := s.cfg.Hooks.Calling(asker, name)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	for {
		conn, prefix := s.present()
		answer, err := conn.Call(ctx, amqprpc.Call{Key: prefix + name, Body: encode(req), ContentType: contentType, Timeout: -1})
		if errors.Is(err, amqprpc.ErrUnroutable) {
			if err = s.start(ctx, req.ID); err == nil {
				continue
			}
			err = fmt.Errorf("start %s: %w", name, err)
		}
		ended(err)
		return outcome(answer, err)
	}
}

// process returns the name of the process of an entity.
func (s *Server) process(id string) string {
	if s.cfg.Variant.Registration == ClusterWide {
		return id
	}
	return id + "@" + s.cfg.Server
}

// start starts the process of an entity, unless there is one here, and waits
// until it has its name, or another has.
func (s *Server) start(ctx context.Context, id string) error {
	s.mu.Lock()
	w, fresh := s.workers[id], false
	if w == nil {
		w, fresh = newWorker(s, id), true
		s.workers[id] = w
		s.running.Go(func() {
			w.run(s.life)
			s.mu.Lock()
			delete(s.workers, id)
			s.mu.Unlock()
			close(w.ended)
		})
	}
	s.mu.Unlock()
	select {
	case <-w.began:
		if fresh {
			return nil
		}
		return pause.For(ctx, soon) // it is about to claim its name again
	case <-w.ended:
		if errors.Is(w.failure, amqprpc.ErrTaken) {
			return pause.For(ctx, again)
		}
		return w.failure
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
