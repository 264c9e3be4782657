package shim

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
	"google.golang.org/protobuf/proto"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/shim/streampb"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

const (
	// mailbox is how many requests the engine has in hand ahead of the one that
	// it works on.
	mailbox = 64
	// sharedFor is how long, in milliseconds, a queue outlives its last consumer.
	sharedFor = 3_600_000
)

// RunEngine runs the engine until ctx ends.
func RunEngine(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	conn, err := dial(ctx, cfg, Engine)
	if err != nil {
		return err
	}
	defer conn.Close()
	process := cfg.Agent.Process(Engine)
	defer process.Stop()
	e := &engine{Config: cfg, conn: conn}
	return conn.Serve(ctx, amqprpc.Server{Queue: Requests, Declare: e.declare, Process: process, Prefetch: mailbox, Handler: e.serve})
}

func dial(ctx context.Context, cfg Config, name string) (*amqprpc.Conn, error) {
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{
		URL: cfg.URL, Dial: cfg.Dial, Name: name, Agent: cfg.Agent, Log: cfg.Log,
	}, amqprpc.WithTracerProvider(cfg.TracerProvider))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return conn, nil
}

type engine struct {
	Config
	conn *amqprpc.Conn
}

func (e *engine) declare(ch *amqp.Channel) error {
	if err := declareAnswers(ch); err != nil {
		return err
	}
	_, err := ch.QueueDeclare(Requests, true, false, false, false, amqp.Table{"x-expires": int32(sharedFor)})
	if err == nil {
		e.Hooks.Started(Engine)
	}
	return err
}

func declareAnswers(ch *amqp.Channel) error {
	_, err := ch.QueueDeclare(Answers, true, false, false, false, amqp.Table{
		"x-expires": int32(sharedFor), "x-max-length": int32(Space), "x-overflow": "reject-publish",
	})
	return err
}

// serve takes a request, says so, and writes the answer, waiting for space as long
// as that takes.
func (e *engine) serve(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
	var o streampb.Order
	if err := proto.Unmarshal(r.Body, &o); err != nil {
		return nil, fmt.Errorf("decode order: %w", err)
	}
	if err := r.Reply(ctx, nil); err != nil {
		return nil, err
	}
	content := make([]byte, itemSize)
	count := min(o.GetRequest().GetCount(), MaxCount)
	for i := range count {
		if err := pause.For(ctx, e.Work); err != nil {
			return nil, err
		}
		item := &streampb.Item{Request: o.GetRequest().GetId(), Number: i + 1, Last: i+1 == count, Content: content}
		if err := e.put(ctx, &streampb.Answer{Client: o.GetClient(), Item: item}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// put writes one item. After a lost connection it may be there or not, so it is
// written again, and the client knows it by its number.
func (e *engine) put(ctx context.Context, a *streampb.Answer) error {
	body, err := proto.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	ended := e.Hooks.Calling(Engine, Answers)
	for {
		err = e.conn.Put(ctx, amqprpc.Message{Key: Answers, Body: body, ContentType: contentType})
		if !errors.Is(err, amqprpc.ErrConnectionLost) {
			break
		}
	}
	ended(err)
	return err
}

const contentType = "application/x-protobuf"
