package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Service is something that one node of several serves for the whole cluster:
// the first of them that is up and ready.
type Service struct {
	Name    string
	Nodes   []string // that can serve, by priority, the highest first
	Handler Op       // one request at a time
	// The service starts when all mandatory nodes are up and, if that takes
	// no longer than Patience, the optional ones. A node that finds it started
	// elsewhere waits for nobody.
	Mandatory, Optional []string
	Patience            time.Duration
	// Majority makes a node serve only while it sees more than half of Nodes.
	// With 2F+1 of them, F may be down.
	Majority bool
}

func (s *Service) validate(self string) error {
	if err := checkName(s.Name); err != nil {
		return err
	}
	for _, node := range slices.Concat(s.Nodes, s.Mandatory, s.Optional) {
		if err := checkName(node); err != nil {
			return err
		}
	}
	switch {
	case s.Handler == nil:
		return fmt.Errorf("%w: no handler", ErrInvalid)
	case !slices.Contains(s.Nodes, self):
		return fmt.Errorf("%w: %s is not among the nodes that serve", ErrInvalid, self)
	case len(slices.Compact(slices.Sorted(slices.Values(s.Nodes)))) != len(s.Nodes):
		return fmt.Errorf("%w: a node has two priorities", ErrInvalid)
	case s.Majority && len(s.Nodes)%2 == 0:
		return fmt.Errorf("%w: majority of %d nodes: an even one adds no safety", ErrInvalid, len(s.Nodes))
	case s.Patience < 0:
		return fmt.Errorf("%w: negative patience", ErrInvalid)
	}
	return nil
}

// leader returns the node that is to serve, empty if there is none.
func (s *Service) leader(r *roster) string {
	for _, node := range s.Nodes {
		if r.ready(node, s.Name) {
			return node
		}
	}
	return ""
}

func (s *Service) quorate(r *roster) bool {
	return !s.Majority || len(s.Nodes)-len(absent(r, s.Nodes)) > len(s.Nodes)/2
}

func absent(r *roster, nodes []string) []string {
	return slices.DeleteFunc(slices.Clone(nodes), r.up)
}

// missing returns what the service waits for, nil if it has started somewhere.
func (s *Service) missing(r *roster) *MissingError {
	if s.leader(r) != "" {
		return nil
	}
	return &MissingError{Service: s.Name, Mandatory: absent(r, s.Mandatory), Optional: absent(r, s.Optional)}
}

// MissingError says which nodes a service waits for before it starts.
type MissingError struct {
	Service             string
	Mandatory, Optional []string
}

// Error lists the nodes.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%v: %s waits for %s (mandatory) and %s (optional)", ErrMissing, e.Service, list(e.Mandatory), list(e.Optional))
}

// Unwrap returns ErrMissing.
func (e *MissingError) Unwrap() error { return ErrMissing }

func list(nodes []string) string {
	if len(nodes) == 0 {
		return "nobody"
	}
	return strings.Join(nodes, ", ")
}

// Provide makes this node one of those that can serve a service, until ctx ends,
// whose cause it returns, or the node stops: ErrStopped. While a node of higher priority is up and ready, this
// one stands by.
//
// Requests wait in one queue for whoever serves. When that node dies, the next
// one gets what was not answered, flagged as redelivered by the broker: so a
// request may be carried out twice, and none is lost. When a node of higher
// priority returns, the one that serves finishes the request at hand, unless it
// heeds the end of its context, and hands over. The broker sees to it that two
// never serve at a time on the same broker, whatever they believe.
func (n *Node) Provide(ctx context.Context, s Service) error {
	if err := s.validate(n.cfg.Node); err != nil {
		return fmt.Errorf("provide: %w", err)
	}
	err := n.provide(ctx, &s)
	return fmt.Errorf("provide %s: %w", s.Name, err)
}

func (n *Node) provide(ctx context.Context, s *Service) error {
	if err := n.addService(s); err != nil {
		return err
	}
	defer n.removeService(s)
	queue := n.cfg.object("service", s.Name)
	err := retry(ctx, func() error {
		return n.conn.Channel(ctx, func(_ context.Context, ch *amqp.Channel) error { return declareService(ch, queue) })
	})
	if err != nil {
		return fmt.Errorf("declare queue: %w", err)
	}
	if err := n.assemble(ctx, s); err != nil {
		return err
	}
	n.change(func(self *announcement) { self.Services = append(slices.Clone(self.Services), s.Name) })
	leads := func(r *roster) bool { return s.quorate(r) && s.leader(r) == n.cfg.Node }
	for {
		if err := n.until(ctx, leads); err != nil {
			return err
		}
		serving, done := n.whilst(ctx, errStandBy, leads)
		err := n.serve(serving, s)
		done()
		switch {
		case errors.Is(err, amqprpc.ErrClosed):
			return ErrStopped
		case !errors.Is(err, errStandBy):
			return err
		}
	}
}

// errStandBy ends the serving of a node when another is to serve.
var errStandBy = errors.New("stand by")

func (n *Node) addService(s *Service) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.services[s.Name] != nil {
		return fmt.Errorf("%w: %s provides it already", ErrTaken, n.cfg.Node)
	}
	n.services[s.Name] = s
	return nil
}

func (n *Node) removeService(s *Service) {
	n.change(func(self *announcement) {
		delete(n.services, s.Name)
		self.Services = remove(self.Services, s.Name)
	})
}

// assemble waits until the service may start.
func (n *Node) assemble(ctx context.Context, s *Service) error {
	everybody, done := context.WithTimeoutCause(ctx, s.Patience, errImpatient)
	defer done()
	err := n.until(everybody, func(r *roster) bool {
		m := s.missing(r)
		return m == nil || len(m.Mandatory)+len(m.Optional) == 0
	})
	if !errors.Is(err, errImpatient) {
		return err
	}
	return n.until(ctx, func(r *roster) bool {
		m := s.missing(r)
		return m == nil || len(m.Mandatory) == 0
	})
}

var errImpatient = errors.New("optional nodes are missing")

// serve serves the queue of a service, once the node that served before has left
// it.
func (n *Node) serve(ctx context.Context, s *Service) error {
	queue := n.cfg.object("service", s.Name)
	process := n.cfg.Agent.Process(s.Name + "@" + n.cfg.Node)
	defer process.Stop()
	return n.conn.Serve(ctx, amqprpc.Server{
		Queue: queue, Process: process, Prefetch: mailbox,
		Declare: func(ch *amqp.Channel) error { return declareService(ch, queue) },
		Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if err := n.standing(s); err != nil {
				return nil, outbound(err)
			}
			body, err := guarded(ctx, s.Handler, r.Body)
			if err != nil {
				return nil, outbound(err)
			}
			return json.Marshal(Served{Node: n.cfg.Node, Redelivered: r.Redelivered, Body: body})
		},
	})
}

func declareService(ch *amqp.Channel, queue string) error {
	const durable, autoDelete, exclusive, noWait = true, false, false, false
	_, err := ch.QueueDeclare(queue, durable, autoDelete, exclusive, noWait, amqp.Table{
		"x-single-active-consumer": true, "x-expires": int32(disused),
	})
	return err
}

// standing returns why the service is not served on this side, nil if it is.
func (n *Node) standing(s *Service) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := s.missing(&n.roster); m != nil {
		return m
	}
	if !s.quorate(&n.roster) {
		return ErrNoMajority
	}
	return nil
}

// Served is the answer of a service.
type Served struct {
	Node        string `json:"node"`        // that served
	Redelivered bool   `json:"redelivered"` // another may have carried it out before
	Body        []byte `json:"body"`
}

// Request asks a service that this node provides, whichever node serves it, and
// waits up to the node's CallTimeout. It fails at once with a *MissingError
// before the service has started, and with ErrNoMajority on a side without one.
func (n *Node) Request(ctx context.Context, service string, body []byte) (Served, error) {
	answer, err := n.requestService(ctx, service, body)
	if err != nil {
		return Served{}, fmt.Errorf("request %q: %w", service, err)
	}
	return answer, nil
}

func (n *Node) requestService(ctx context.Context, service string, body []byte) (answer Served, err error) {
	n.mu.Lock()
	s := n.services[service]
	n.mu.Unlock()
	if s == nil {
		return answer, ErrNoService
	}
	if err := n.standing(s); err != nil {
		return answer, err
	}
	ctx, done := n.whilst(ctx, ErrNoMajority, s.quorate)
	defer done()
	reply, err := n.conn.Call(ctx, amqprpc.Call{Key: n.cfg.object("service", service), Body: body})
	if err != nil {
		return answer, inbound(err, ErrNoService)
	}
	if err := json.Unmarshal(reply.Body, &answer); err != nil {
		return answer, fmt.Errorf("decode answer: %w", err)
	}
	return answer, nil
}
