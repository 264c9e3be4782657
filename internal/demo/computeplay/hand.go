package computeplay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/demo/presence"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// reachTime is how long to try to reach the broker of a running system.
const reachTime = 2 * time.Second

// node runs one replica, named by its service's letter and its number. The
// replicas toss for the IDs.
func node(ctx context.Context, p *demo.Part, name string) error {
	service, replica, err := parseNode(name)
	if err != nil {
		return err
	}
	return presence.Run(ctx, p, "compute", name, func(ctx context.Context) error {
		return compute.Run(ctx, config(p, service, replica, compute.Hooks{
			Crashed: func(process string, cause error) { p.Say("%s crashed: %v", process, cause) },
		}))
	})
}

func parseNode(name string) (compute.Service, int, error) {
	if len(name) < 2 || !compute.Service(name[:1]).Valid() {
		return "", 0, fmt.Errorf("node %q: want a or b and a number, as in a1", name)
	}
	replica, err := strconv.Atoi(name[1:])
	if err != nil || replica < 1 {
		return "", 0, fmt.Errorf("node %q: replicas are numbered from 1, as in a1", name)
	}
	return compute.Service(name[:1]), replica, nil
}

// askOp asks a service what an ID computes to.
func askOp(service compute.Service) demo.Op {
	return demo.Op{
		Name: string(service), Args: "ID", Help: fmt.Sprintf("ask %s what ID computes to: 1 to %d; 42 deadlocks", service.Name(), compute.MaxID),
		Do: func(ctx context.Context, p *demo.Part, args []string) (string, error) {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return "", fmt.Errorf("ID %q is no number", args[0])
			}
			return ask(ctx, p, service, id)
		},
	}
}

func ask(ctx context.Context, p *demo.Part, service compute.Service, id int64) (string, error) {
	reach, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := p.Connect(reach, caller)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := compute.Ask(ctx, conn, service, id)
	if errors.Is(err, amqprpc.ErrUnroutable) {
		return "", fmt.Errorf("no replica of %s has ever run on this broker: %w", service.Name(), err)
	}
	return demo.Thousands(answer), err
}
