package clusterplay

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/cluster/stock"
)

// handOp is something that a node does for people, with the arguments that they
// gave after the node's name.
type handOp struct {
	name, args, help string
	do               func(h *hand, ctx context.Context, args []string) (string, error)
}

// handOps are in the order in which they are listed.
var handOps = []handOp{
	{"nodes", "", "the nodes that are up, as NODE sees them", (*hand).nodes},
	{"serves", "", "which node serves a request that NODE receives", (*hand).serves},
	{"everybody", "", "ask all nodes at once, from NODE: who answers, who is silent", (*hand).everybody},
	{"lock", "NAME", "set a lock from NODE, or wait for it a while", (*hand).lock},
	{"unlock", "NAME", "delete a lock that NODE has set", (*hand).unlock},
	{"register", "NAME", "register a name at NODE", (*hand).register},
	{"where", "NAME", "where a name is registered, as NODE knows", (*hand).where},
	{"join", "GROUP", "make NODE a member of a group", (*hand).join},
	{"members", "GROUP", "the members of a group, as NODE knows", (*hand).members},
	{"put", "GROUP KEY VALUE", "copy a value to all members, from NODE", (*hand).put},
	{"get", "GROUP KEY", "get a value of a group at NODE", (*hand).get},
	{"move", "FROM TO AMOUNT", "make NODE's clerk move goods; within 2 s, make another move some back", (*hand).move},
	{"audit", "SHELF OTHER COUNT", "make NODE's clerk audit a shelf and OTHER's count one: the same deadlocks", (*hand).audit},
}

// ops are what people can call: each is an operation of the node that they name.
func ops() []demo.Op {
	var all []demo.Op
	for _, op := range handOps {
		all = append(all, demo.Op{
			Name: op.name, Args: strings.TrimSpace("NODE " + op.args), Help: op.help,
			Do: func(ctx context.Context, p *demo.Part, args []string) (string, error) {
				return askNode(ctx, p, args[0], op.name, args[1:])
			},
		})
	}
	return all
}

const (
	// reach is how long to try to reach the broker of a running system.
	reach = 2 * time.Second
	// long is how long an operation by hand may take.
	long = 4 * atLeisure
)

// askNode asks a node, from outside of the cluster.
func askNode(ctx context.Context, p *demo.Part, node, op string, args []string) (string, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return "", fmt.Errorf("call %s: %w", op, err)
	}
	dial, done := context.WithTimeout(ctx, reach)
	defer done()
	conn, err := p.Connect(dial, "caller")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := cluster.CallNode(ctx, conn, byHand, node, op, body, long)
	return string(answer), err
}

// op makes an operation of a node of what people can call.
func (h *hand) op(o handOp) cluster.Op {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		var args []string
		if err := json.Unmarshal(body, &args); err != nil || len(args) != len(strings.Fields(o.args)) {
			return nil, fmt.Errorf("%w: %s wants %s", cluster.ErrInvalid, o.name, o.args)
		}
		select {
		case <-h.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		answer, err := o.do(h, ctx, args)
		return []byte(answer), err
	}
}

func (h *hand) nodes(context.Context, []string) (string, error) {
	return strings.Join(h.node.Nodes(), ", "), nil
}

func (h *hand) serves(ctx context.Context, _ []string) (string, error) {
	answer, err := h.node.Request(ctx, service, nil)
	return answer.Node, err
}

func (h *hand) everybody(ctx context.Context, _ []string) (string, error) {
	all := h.node.Multicall(ctx, nameOp, nil, reach)
	return fmt.Sprintf("answered: %s; silent: %s", names(all.Answers), names(all.Silent)), nil
}

func names(answers []cluster.Answer) string {
	var nodes []string
	for _, a := range answers {
		nodes = append(nodes, a.Node)
	}
	return demo.List(nodes)
}

func (h *hand) lock(ctx context.Context, args []string) (string, error) {
	ctx, done := context.WithTimeout(ctx, atLeisure)
	defer done()
	l, err := h.process.SetLock(ctx, args[0])
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s holds %s, incarnation %d", h.process.PID(), args[0], l.Incarnation), nil
}

func (h *hand) unlock(_ context.Context, args []string) (string, error) {
	return "deleted", h.process.DelLock(args[0])
}

func (h *hand) register(ctx context.Context, args []string) (string, error) {
	return h.process.PID().String(), h.process.Register(ctx, args[0])
}

func (h *hand) where(_ context.Context, args []string) (string, error) {
	p, known := h.node.WhereIs(args[0])
	if !known {
		return "", fmt.Errorf("%w: nobody is registered as %q", cluster.ErrNoProcess, args[0])
	}
	return p.String(), nil
}

func (h *hand) join(ctx context.Context, args []string) (string, error) {
	if err := h.node.CreateGroup(ctx, args[0]); err != nil {
		return "", err
	}
	return h.process.PID().String(), h.process.Join(ctx, args[0])
}

func (h *hand) members(_ context.Context, args []string) (string, error) {
	members, err := h.node.Members(args[0])
	var names []string
	for _, p := range members {
		names = append(names, p.String())
	}
	return demo.List(names), err
}

func (h *hand) put(ctx context.Context, args []string) (string, error) {
	return "copied to all members", h.process.Put(ctx, args[0], args[1], []byte(args[2]))
}

func (h *hand) get(ctx context.Context, args []string) (string, error) {
	v, err := h.node.Get(ctx, args[0], args[1])
	return string(v), err
}

func (h *hand) move(ctx context.Context, args []string) (string, error) {
	amount, err := strconv.Atoi(args[2])
	if err != nil {
		return "", fmt.Errorf("%w: amount %q", cluster.ErrInvalid, args[2])
	}
	return stock.Move(ctx, h.node, clerkAt(h.node.Name()), args[0], args[1], amount)
}

func (h *hand) audit(ctx context.Context, args []string) (string, error) {
	return stock.Audit(ctx, h.node, clerkAt(h.node.Name()), args[0], clerkAt(args[1]), args[2])
}

func clerkAt(node string) cluster.Address { return cluster.Address{Name: clerk, Node: node} }
