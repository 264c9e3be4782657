package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// subscribe begins to receive what nodes announce.
func (n *Node) subscribe(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
	exchange := n.cfg.object("roster")
	const durable, autoDelete, internal, exclusive, noLocal, noWait, autoAck = true, true, false, true, false, false, true
	if err := ch.ExchangeDeclare(exchange, amqp.ExchangeFanout, durable, autoDelete, internal, noWait, nil); err != nil {
		return nil, fmt.Errorf("declare roster: %w", err)
	}
	q, err := ch.QueueDeclare("", !durable, autoDelete, exclusive, noWait, nil)
	if err != nil {
		return nil, fmt.Errorf("declare inbox: %w", err)
	}
	if err := ch.QueueBind(q.Name, "", exchange, noWait, nil); err != nil {
		return nil, fmt.Errorf("bind inbox: %w", err)
	}
	inbox, err := ch.Consume(q.Name, "", autoAck, exclusive, noLocal, noWait, nil)
	if err != nil {
		return nil, fmt.Errorf("consume inbox: %w", err)
	}
	return inbox, nil
}

// publish announces what the node has: at first with a hello, then whenever it
// changes and once in a while.
func (n *Node) publish(ctx context.Context) error {
	ticker := time.NewTicker(n.cfg.Announce)
	defer ticker.Stop()
	for hello := true; ; hello = false {
		body := n.compose(hello)
		if err := n.conn.Send(ctx, amqprpc.Message{Exchange: n.cfg.object("roster"), Body: body, ContentType: "application/json"}); err != nil {
			return fmt.Errorf("announce: %w", err)
		}
		select {
		case <-n.announce:
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (n *Node) compose(hello bool) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.self.Seq++
	n.roster.hear(n.self)
	a := n.self
	a.Hello = hello
	body, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("marshal announcement: %v", err)) // it has no field that could fail
	}
	return body
}

// receive takes in what others announce, and watches each of them, until ctx or
// the inbox ends.
func (n *Node) receive(ctx context.Context, inbox <-chan amqp.Delivery, watchers *sync.WaitGroup) {
	watched := make(map[string]struct{})
	unwatched := make(chan string)
	for {
		select {
		case <-ctx.Done():
			return
		case node := <-unwatched:
			delete(watched, node)
		case d, ok := <-inbox:
			if !ok {
				<-ctx.Done()
				return
			}
			node, err := n.hear(d.Body)
			if err != nil {
				n.cfg.Log.WarnContext(ctx, "announcement is of no use", "error", err)
				continue
			}
			if _, already := watched[node]; already || node == n.cfg.Node {
				continue
			}
			watched[node] = struct{}{}
			watchers.Go(func() {
				n.watch(ctx, node)
				select {
				case unwatched <- node:
				case <-ctx.Done():
				}
			})
		}
	}
}

// hear takes in an announcement and returns whose it is.
func (n *Node) hear(body []byte) (string, error) {
	a, err := decode(body)
	if err != nil || a.Node == n.cfg.Node { // we know better
		return a.Node, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.note(a)
	if a.Hello {
		select {
		case n.announce <- struct{}{}:
		default:
		}
	}
	return a.Node, nil
}

func decode(body []byte) (a announcement, err error) {
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("%w: announcement: %w", ErrInvalid, err)
	}
	return a, a.validate()
}

// note takes an announcement into the roster. The lock must be held.
func (n *Node) note(a announcement) {
	if n.roster.hear(a) {
		n.news()
		n.adopt(a.Groups)
	}
}

// tell makes all nodes that are up hear what this one has, before it returns:
// those that do not answer hear of it later.
func (n *Node) tell(ctx context.Context) {
	n.Multicall(ctx, internal+"hear", n.compose(false), n.cfg.Announce)
}

// opHear takes in an announcement that is told. Of a node that is not in the
// roster it is left to the inbox, where watching begins.
func (n *Node) opHear(_ context.Context, body []byte) ([]byte, error) {
	a, err := decode(body)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.roster.up(a.Node) && a.Node != n.cfg.Node {
		n.note(a)
	}
	return nil, nil
}

// watch waits for the end of another node, and gives its token to the next who
// watches.
func (n *Node) watch(ctx context.Context, node string) {
	t, err := n.acquire(ctx, n.cfg.object("alive", node), func() {})
	if err != nil {
		return // with ctx
	}
	defer t.release()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.roster.end(node)
	n.news()
}
