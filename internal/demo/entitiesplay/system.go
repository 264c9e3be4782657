package entitiesplay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/entities"
	"github.com/waitgraph/waitgraph/services/hooks"
)

// work is how long a process works before it asks another, so that two updates
// cross.
const work = 300 * time.Millisecond

// Where the servers are at first.
type where bool

const (
	together where = false
	apart    where = true
)

// system is two servers, a store, and somebody who asks in each place.
type system struct {
	stage   *demo.Stage
	variant entities.Variant
	store   *entities.Store
	servers map[string]*server
	callers map[string]*entities.Client // by place and name
}

// server is a server and where it is.
type server struct {
	*entities.Server
	part   *demo.Part
	prefix string
}

// build starts the servers.
func build(v entities.Variant, at where) func(context.Context, *demo.Stage) (*system, error) {
	return func(ctx context.Context, stage *demo.Stage) (*system, error) {
		s := &system{stage: stage, variant: v, servers: make(map[string]*server), callers: make(map[string]*entities.Client)}
		if err := s.openStore(ctx); err != nil {
			return nil, err
		}
		for _, name := range []string{one, two} {
			prefix := ""
			if at == apart && name == two {
				prefix = "apart."
			}
			if err := s.startServer(ctx, name, prefix); err != nil {
				return nil, err
			}
			if err := s.startCallers(ctx, prefix); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
}

// openStore makes the store, in a file that goes with the stage.
func (s *system) openStore(ctx context.Context) error {
	return s.inPart(ctx, "store", func(*demo.Part) (stop func(), err error) {
		dir, err := os.MkdirTemp("", "waitgraph-entities-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the store: %w", err)
		}
		s.store, err = entities.OpenStore(filepath.Join(dir, "store"), entity1, entity2)
		return func() { _ = os.RemoveAll(dir) }, err
	})
}

// inPart runs start in a part of its own, whose end runs what start returned.
func (s *system) inPart(ctx context.Context, service string, start func(*demo.Part) (stop func(), err error)) error {
	ready := make(chan struct{})
	s.stage.Go(service, func(ctx context.Context, p *demo.Part) error {
		stop, err := start(p)
		if stop != nil {
			defer stop()
		}
		if err != nil {
			return err
		}
		close(ready)
		<-ctx.Done()
		return nil
	})
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *system) startServer(ctx context.Context, name, prefix string) error {
	return s.inPart(ctx, "entities", func(p *demo.Part) (func(), error) {
		started, err := entities.Start(ctx, entities.Config{
			Server: name, Place: place(p, prefix), Store: s.store, Variant: s.variant,
			Agent: p.Agent, Timeout: timeout, Work: work, TracerProvider: p.TracerProvider, Hooks: s.hooks(), Log: p.Log,
		})
		if err != nil {
			return nil, err
		}
		s.servers[name] = &server{Server: started, part: p, prefix: prefix}
		return started.Stop, nil
	})
}

func place(p *demo.Part, prefix string) entities.Place {
	return entities.Place{URL: p.URL, Dial: p.Dial, Prefix: prefix}
}

func (s *system) hooks() entities.Hooks {
	return entities.Hooks{
		Hooks:    hooks.Hooks{Started: s.stage.Started, Calling: s.stage.Calling, Crashed: s.stage.Crashed},
		Conflict: func(_, text string) { s.stage.Happened("", text) },
	}
}

// startCallers starts those who ask in a place, unless they are there.
func (s *system) startCallers(ctx context.Context, prefix string) error {
	if s.callers[prefix+caller] != nil {
		return nil
	}
	return s.inPart(ctx, "callers", func(p *demo.Part) (func(), error) {
		conn, err := p.Connect(ctx, "callers")
		if err != nil {
			return nil, err
		}
		for _, name := range []string{caller, otherCaller} {
			s.callers[prefix+name] = entities.NewClient(conn, entities.ClientConfig{
				Name: name, Prefix: prefix, Agent: p.Agent, Timeout: timeout, Hooks: s.hooks(),
			})
		}
		return conn.Close, nil
	})
}

// connect makes the second server move to where the first is.
func (s *system) connect(ctx context.Context) error {
	srv := s.servers[two]
	if err := srv.Connect(ctx, place(srv.part, "")); err != nil {
		return err
	}
	srv.prefix = ""
	return nil
}

// meet connects the servers and waits until the conflict is over: until the
// process has started so often.
func (s *system) meet(ctx context.Context, starts int) error {
	told := func(p *demo.Phase) bool {
		return slices.ContainsFunc(p.Events, func(e demo.Event) bool { return e.Text == nameConflict })
	}
	return errors.Join(s.connect(ctx), s.stage.Until(ctx, timeout, told), s.stage.Lives(ctx, entity1, starts))
}

// tellStored tells what the store knows of the entity.
func (s *system) tellStored() error {
	r, err := s.store.Load(entity1)
	if err == nil {
		s.stage.Happened("", stored(r.State))
	}
	return err
}

func stored(state entities.State) string { return "the store has " + entity1 + " as " + string(state) }

// restart ends both servers and starts them again.
func (s *system) restart(ctx context.Context) error {
	for _, name := range []string{one, two} {
		s.servers[name].part.Stop()
	}
	return errors.Join(s.startServer(ctx, two, ""), s.startServer(ctx, one, ""))
}

func (s *system) caller(name, server string) *entities.Client {
	return s.callers[s.servers[server].prefix+name]
}

// get asks a server for a state.
func (s *system) get(ctx context.Context, server, id string) error {
	return s.stage.Ask(ctx, caller, getting(server, id), func(ctx context.Context) (string, error) {
		e, err := s.caller(caller, server).Get(ctx, server, id)
		return string(e.State), err
	})
}

// set asks a server to change a state.
func (s *system) set(ctx context.Context, server, id string, state entities.State) error {
	return s.stage.Ask(ctx, caller, setting(server, id, state), func(ctx context.Context) (string, error) {
		e, err := s.caller(caller, server).Set(ctx, server, id, state)
		return string(e.State), err
	})
}

// update makes somebody ask a server to make two entities finalized.
func (s *system) update(ctx context.Context, who, server, id, with string) error {
	return s.stage.Ask(ctx, who, updating(server, id, with), func(ctx context.Context) (string, error) {
		e, err := s.caller(who, server).Update(ctx, server, id, with, entities.Finalized)
		return string(e.State), err
	})
}

func getting(server, id string) string { return server + ".get(" + id + ")" }
func setting(server, id string, state entities.State) string {
	return server + ".set(" + id + ", " + string(state) + ")"
}

func updating(server, id, with string) string { return server + ".update(" + id + ", " + with + ")" }
