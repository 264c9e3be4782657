package compute

import (
	"context"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// mailbox is how many requests a server process takes up ahead of the one it
// works on.
const mailbox = 256

// server is the server process for one ID, or stands by while another replica
// hosts it.
type server struct {
	*replica
	id   int64
	name string
	wait time.Duration // before the first claim
}

// Serve implements suture.Service. It returns when the process crashes.
func (s *server) Serve(ctx context.Context) error {
	wait := s.wait
	s.wait = 0
	for {
		if err := pause.For(ctx, wait); err != nil {
			return err
		}
		if err := s.live(ctx); !errors.Is(err, amqprpc.ErrTaken) {
			return err
		}
		wait = claimAgain
	}
}

// live is one life of the process, from taking its name to its crash.
func (s *server) live(ctx context.Context) error {
	process := s.Agent.Process(s.name)
	defer process.Stop()
	return s.conn.Serve(ctx, amqprpc.Server{
		Queue: s.name, Declare: s.claim, Process: process, Prefetch: mailbox, Handler: s.compute,
	})
}

// claim takes the process's name: an exclusive queue, which the broker refuses
// to every other connection. It goes with its consumer and takes the mailbox
// along, so that a crash frees the name although the connection lives on.
func (s *server) claim(ch *amqp.Channel) error {
	const durable, autoDelete, exclusive, noWait = false, true, true, false
	_, err := ch.QueueDeclare(s.name, durable, autoDelete, exclusive, noWait, nil)
	if err == nil {
		s.Hooks.Started(s.name)
	}
	return err
}

// compute answers one request. The process does not outlive a timeout.
func (s *server) compute(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
	id, err := decode(r.Body)
	if err != nil {
		return nil, err
	}
	if err := pause.For(ctx, s.Work(id)); err != nil {
		return nil, err
	}
	answer, err := s.answer(ctx, id)
	switch {
	case errors.Is(err, amqprpc.ErrTimeout):
		s.Hooks.Crashed(s.name, err)
		return nil, amqprpc.Crash(err)
	case err != nil:
		return nil, outbound(err)
	}
	return encode(answer), nil
}

func (s *server) answer(ctx context.Context, id int64) (int64, error) {
	if s.Service == B && (s.Fixed || id != cyclicID) {
		return id, nil
	}
	answer, err := s.producer.ask(ctx, s.name, s.Service.other().Queue(), id)
	if s.Service == A && err == nil {
		answer += surplus
	}
	return answer, err
}

// String names the server process to its supervisor.
func (s *server) String() string { return s.name }
