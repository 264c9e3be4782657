package entitiesplay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/demo/presence"
	"github.com/waitgraph/waitgraph/services/entities"
	"github.com/waitgraph/waitgraph/services/hooks"
)

// storeFile is what the servers of people who play by hand share, if they start
// them in one folder.
var storeFile = filepath.Join("out", "entities.db")

const (
	// leisure is how long a process works before it asks another, for people
	// to be quick enough to make two updates cross.
	leisure = 2 * time.Second
	// reach is how long to try to reach the broker of a running system.
	reach = 2 * time.Second
)

// node runs one server.
func node(ctx context.Context, p *demo.Part, name string) error {
	if err := os.MkdirAll(filepath.Dir(storeFile), 0o755); err != nil {
		return fmt.Errorf("make a folder for the store: %w", err)
	}
	store, err := entities.OpenStore(storeFile, entity1, entity2)
	if err != nil {
		return err
	}
	return presence.Run(ctx, p, "entities", name, func(ctx context.Context) error {
		s, err := entities.Start(ctx, entities.Config{
			Server: name, Place: place(p, ""), Store: store, Agent: p.Agent, Work: leisure, TracerProvider: p.TracerProvider, Log: p.Log,
			Hooks: entities.Hooks{
				Hooks: hooks.Hooks{
					Started: func(process string) { p.Say("%s is here", process) },
					Crashed: func(process string, cause error) { p.Say("%s crashed: %v", process, cause) },
				},
				Conflict: func(_, text string) { p.Say("%s", text) },
			},
		})
		if err != nil {
			return err
		}
		defer s.Stop()
		<-ctx.Done()
		return nil
	})
}

// ops are what people can call.
func ops() []demo.Op {
	return []demo.Op{
		{
			Name: "get", Args: "NODE ID", Help: "ask NODE what state entity_1 or entity_2 is in",
			Do: asking(func(ctx context.Context, c *entities.Client, args []string) (entities.Entity, error) {
				return c.Get(ctx, args[0], args[1])
			}),
		},
		{
			Name: "set", Args: "NODE ID STATE", Help: "ask NODE to change it: initialized, working or finalized",
			Do: asking(func(ctx context.Context, c *entities.Client, args []string) (entities.Entity, error) {
				return c.Set(ctx, args[0], args[1], entities.State(args[2]))
			}),
		},
		{
			Name: "update", Args: "NODE ID OTHER STATE", Help: "ask NODE to change both; within 2 s, ask for OTHER and ID: a deadlock",
			Do: asking(func(ctx context.Context, c *entities.Client, args []string) (entities.Entity, error) {
				return c.Update(ctx, args[0], args[1], args[2], entities.State(args[3]))
			}),
		},
	}
}

// asking makes an operation of what a client asks.
func asking(ask func(context.Context, *entities.Client, []string) (entities.Entity, error)) func(context.Context, *demo.Part, []string) (string, error) {
	return func(ctx context.Context, p *demo.Part, args []string) (string, error) {
		dial, done := context.WithTimeout(ctx, reach)
		defer done()
		conn, err := p.Connect(dial, caller)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		c := entities.NewClient(conn, entities.ClientConfig{Name: caller, Agent: p.Agent, Timeout: 2 * timeout})
		defer c.Close()
		e, err := ask(ctx, c, args)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s is %s, says its process at %s", e.ID, e.State, e.Server), nil
	}
}
