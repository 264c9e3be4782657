package amqpsource

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
)

// questionTTL is how long a question waits for its agent, in milliseconds: for as
// long as the detector wants to hear the answer.
const questionTTL = "10000"

// Headers by which a question that comes back is recognised.
const (
	headerAgent       = "waitgraph-agent"
	headerIncarnation = "waitgraph-incarnation"
	headerRound       = "waitgraph-round"
)

// ask publishes questions until ctx ends.
func (s *Source) ask(ctx context.Context, ch *amqp.Channel, replyTo string) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case a := <-s.questions:
			if err := s.publish(ctx, ch, replyTo, a); err != nil {
				return fmt.Errorf("publish question: %w", err)
			}
		}
	}
}

func (s *Source) publish(ctx context.Context, ch *amqp.Channel, replyTo string, a detector.Ask) error {
	body, err := wire.EncodeQuestion(&a.Question)
	if err != nil {
		s.sink.Deliver(detector.Unreachable{Agent: a.Agent, Round: a.Question.Round}, 0)
		return nil //nolint:nilerr // a question that cannot be put is the detector's business, not the session's
	}
	s.publishing.Store(true)
	defer s.publishing.Store(false)
	const mandatory = true
	return ch.PublishWithContext(ctx, "", wire.QuestionQueue(a.Agent), mandatory, false, amqp.Publishing{
		ContentType: wire.ContentTypeQuestion,
		Expiration:  questionTTL,
		ReplyTo:     replyTo,
		Headers: amqp.Table{
			headerAgent:       a.Agent.Name,
			headerIncarnation: int64(a.Agent.Incarnation),
			headerRound:       int64(a.Question.Round),
		},
		Body: body,
	})
}

var errNoReturns = errors.New("the channel for questions was closed")

// takeBack turns questions that found no agent into events until the channel
// is closed.
func (s *Source) takeBack(returns <-chan amqp.Return) error {
	for r := range returns {
		name, _ := r.Headers[headerAgent].(string)
		incarnation, _ := r.Headers[headerIncarnation].(int64)
		round, _ := r.Headers[headerRound].(int64)
		s.sink.Deliver(detector.Unreachable{
			Agent: report.Agent{Name: name, Incarnation: uint64(incarnation)}, Round: uint64(round),
		}, 0)
	}
	return errNoReturns
}

// count has the broker count queues until ctx ends. A passive declare that
// fails takes its channel along, so the channel serves nothing else.
func (s *Source) count(ctx context.Context, c *amqp.Connection) error {
	var ch *amqp.Channel
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case q := <-s.counts:
			if ch == nil || ch.IsClosed() {
				var err error
				if ch, err = c.Channel(); err != nil {
					return fmt.Errorf("open channel: %w", err)
				}
			}
			s.countOne(ch, q)
		}
	}
}

// countOne counts one queue. It takes as long as the broker does.
func (s *Source) countOne(ch *amqp.Channel, q detector.CountQueue) {
	figures, err := ch.QueueDeclarePassive(q.Queue, false, false, false, false, nil)
	counted := detector.QueueCounted{Round: q.Round, Queue: q.Queue, Consumers: figures.Consumers, Ready: figures.Messages}
	if err != nil {
		counted.Err = err.Error()
	}
	s.sink.Deliver(counted, 0)
}
