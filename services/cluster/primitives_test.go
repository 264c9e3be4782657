package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Processes of one name live on two nodes, and are told apart by address.
func TestNamesLocalToANode(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2")
		for _, h := range hosts {
			_, err := h.Spawn(w.Context(), "p", func(context.Context, *cluster.Process, []byte) ([]byte, error) { return []byte(h.Name()), nil })
			w.must(err)
			_, err = h.Spawn(w.Context(), "p", echo)
			w.wants("a second p", err, cluster.ErrTaken)
		}
		for _, h := range hosts {
			for _, node := range []string{"n1", "n2"} {
				reply, err := h.Ask(w.Context(), cluster.Address{Name: "p", Node: node}, nil)
				if string(reply) != node || err != nil {
					w.Errorf("from %s: p@%s answered %q, %v", h.Name(), node, reply, err)
				}
			}
			_, err := h.Ask(w.Context(), cluster.Address{Name: "q", Node: "n2"}, nil)
			w.wants("nobody", err, cluster.ErrNoProcess)
			_, err = h.Ask(w.Context(), cluster.Address{Name: "p", Node: "n3"}, nil)
			w.wants("nowhere", err, cluster.ErrNoProcess)
			_, err = h.Ask(w.Context(), cluster.Address{Node: "n1"}, nil)
			w.wants("nameless", err, cluster.ErrInvalid)
		}
	})
}

// A caller does not outwait a process that ends, or a node that is cut off.
func TestAskedProcessEnds(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2")
		for _, end := range []struct {
			do   func(p *cluster.Process)
			want error
		}{
			{func(p *cluster.Process) { p.Stop() }, cluster.ErrNoProcess},
			{func(*cluster.Process) { hosts[1].network.Drop() }, cluster.ErrNodeDown},
		} {
			w.sees(hosts[0], "n1", "n2")
			asked := make(chan struct{}, 1)
			p, err := hosts[1].Spawn(w.Context(), "p", func(ctx context.Context, _ *cluster.Process, _ []byte) ([]byte, error) {
				asked <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			})
			w.must(err)
			w.must(p.Register(w.Context(), "p"))
			w.until("n1 has heard of p", func() bool { at, known := hosts[0].WhereIs("p"); return known && at == p.PID() })
			go func() {
				<-asked
				end.do(p)
			}()
			began := time.Now()
			_, err = hosts[0].Ask(w.Context(), p.PID().Address, nil)
			w.wants("ask", err, end.want)
			if took := time.Since(began); took > amqprpc.DefaultCallTimeout/2 {
				w.Errorf("told after %v", took)
			}
			p.Stop()
		}
	})
}

func TestRegistry(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3")
		p, q, r := w.spawn(hosts[0], "p"), w.spawn(hosts[1], "q"), w.spawn(hosts[0], "r")
		w.must(p.Register(w.Context(), "leader"))
		w.wants("taken on another node", q.Register(w.Context(), "leader"), cluster.ErrTaken)
		w.wants("taken on the same node", r.Register(w.Context(), "leader"), cluster.ErrTaken)
		w.wants("taken by itself", p.Register(w.Context(), "leader"), cluster.ErrTaken)
		w.wants("a stranger's name", q.Unregister(w.Context(), "leader"), cluster.ErrNotRegistered)
		w.wants("no name", p.Register(w.Context(), ""), cluster.ErrInvalid)
		for _, h := range hosts {
			w.until("all nodes know", func() bool { at, known := h.WhereIs("leader"); return known && at == p.PID() })
		}
		p.Stop()
		w.must(q.Register(w.Context(), "leader"))
		for _, h := range hosts {
			w.until("all nodes know the next", func() bool { at, known := h.WhereIs("leader"); return known && at == q.PID() })
		}
		w.must(q.Unregister(w.Context(), "leader"))
		w.must(r.Register(w.Context(), "leader"))
		w.until("n3 knows the last", func() bool { return hosts[2].Names()["leader"] == r.PID() })
	})
}

// A name outlives a lost connection, unless another takes it meanwhile: then the
// process that had it ends.
func TestNameConflict(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2")
		p, q := w.spawn(hosts[0], "p"), w.spawn(hosts[1], "q")
		w.must(p.Register(w.Context(), "kept"))
		w.must(p.Register(w.Context(), "fought for"))
		gone := hosts[1].Monitor(w.Context(), p.PID())
		hosts[0].network.Drop()
		<-gone
		w.sees(hosts[1], "n1", "n2")
		w.wants("kept", q.Register(w.Context(), "kept"), cluster.ErrTaken)
		hosts[0].network.Cut()
		w.until("the name is free", func() bool { return q.Register(w.Context(), "fought for") == nil })
		hosts[0].network.Mend()
		<-p.Ended()
		w.wants("the loser ends", p.Err(), cluster.ErrTaken)
		w.until("both agree", func() bool {
			return hosts[0].Names()["fought for"] == q.PID() && hosts[1].Names()["fought for"] == q.PID() && len(hosts[1].Names()) == 1
		})
	})
}

func TestGroups(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3")
		p, q := w.spawn(hosts[0], "p"), w.spawn(hosts[1], "q")
		w.wants("join what nobody has created", p.Join(w.Context(), "g"), cluster.ErrNoGroup)
		_, err := hosts[2].Members("g")
		w.wants("members of what nobody has created", err, cluster.ErrNoGroup)
		w.must(hosts[2].CreateGroup(w.Context(), "g"))
		w.must(hosts[2].CreateGroup(w.Context(), "h"))
		w.wants("leave what was not joined", p.Leave("g"), cluster.ErrNotMember)
		w.must(q.Join(w.Context(), "g"))
		w.must(p.Join(w.Context(), "g"))
		w.must(p.Join(w.Context(), "g"))
		want := func(members ...cluster.PID) {
			w.Helper()
			for _, h := range hosts {
				w.until(fmt.Sprint("members are ", members), func() bool {
					got, err := h.Members("g")
					return err == nil && slices.Equal(got, members) && slices.Equal(h.Groups(), []string{"g", "h"})
				})
			}
		}
		want(p.PID(), q.PID())
		w.must(p.Leave("g"))
		want(q.PID())
		w.must(p.Join(w.Context(), "g"))
		p.Stop()
		want(q.PID())
		hosts[2].Stop() // who created the groups
		hosts = hosts[:2]
		want(q.PID())
		hosts[1].Stop()
		hosts = hosts[:1]
		want()
	})
}

// A value that all members have survives all nodes but one.
func TestGroupValueSurvives(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3", "n4")
		w.must(hosts[0].CreateGroup(w.Context(), "g"))
		var members []*cluster.Process
		for _, h := range hosts[:2] {
			p := w.spawn(h, "p")
			w.must(p.Join(w.Context(), "g"))
			members = append(members, p)
		}
		w.must(members[0].Put(w.Context(), "g", "k", []byte("first")))
		_, err := hosts[0].Get(w.Context(), "g", "other")
		w.wants("no such key", err, cluster.ErrNoValue)
		late := w.spawn(hosts[2], "p")
		w.must(late.Join(w.Context(), "g"))
		stranger := w.spawn(hosts[3], "stranger")
		w.must(stranger.Put(w.Context(), "g", "k", []byte("second")))
		hosts[0].network.Cut()
		hosts[1].Stop()
		w.sees(hosts[3], "n3", "n4")
		for _, h := range hosts[2:] {
			v, err := h.Get(w.Context(), "g", "k")
			if string(v) != "second" || err != nil {
				w.Errorf("%s: got %q, %v", h.Name(), v, err)
			}
		}
		w.must(stranger.Put(w.Context(), "g", "k", []byte("third")))
		hosts[0].network.Mend() // and it makes up for what it missed
		w.sees(hosts[3], "n1", "n3", "n4")
		w.until("n1 has made up", func() bool {
			v, err := hosts[0].Get(w.Context(), "g", "k")
			return string(v) == "third" && err == nil
		})
		late.Stop()
		w.sees(hosts[0], "n1", "n3", "n4")
		if v, err := hosts[3].Get(w.Context(), "g", "k"); string(v) != "third" || err != nil {
			w.Errorf("got %q, %v", v, err)
		}
	})
}

func TestMonitor(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3")
		p, q := w.spawn(hosts[1], "p"), w.spawn(hosts[2], "q")
		of := func(p *cluster.Process) []<-chan cluster.DownError {
			return []<-chan cluster.DownError{hosts[0].Monitor(w.Context(), p.PID()), hosts[1].Monitor(w.Context(), p.PID())}
		}
		told := func(what string, by []<-chan cluster.DownError, p *cluster.Process, want error) {
			w.Helper()
			for _, c := range by {
				d := <-c
				w.wants(what, &d, want)
				if d.PID != p.PID() {
					w.Errorf("%s: told of %v", what, d.PID)
				}
			}
		}
		ofP, ofQ := of(p), of(q)
		p.Stop()
		told("process", ofP, p, cluster.ErrNoProcess)
		told("process that is gone", of(p), p, cluster.ErrNoProcess)
		again := w.spawn(hosts[1], "p")
		told("an earlier life", of(p), p, cluster.ErrNoProcess)
		hosts[2].network.Cut()
		told("node", ofQ, q, cluster.ErrNodeDown)
		told("node that is gone", of(q), q, cluster.ErrNodeDown)
		if again.Err() != nil {
			w.Errorf("the next life ended: %v", again.Err())
		}
	})
}

func TestLinks(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2")
		a, b, c := w.spawn(hosts[0], "a"), w.spawn(hosts[1], "b"), w.spawn(hosts[1], "c")
		w.must(a.Link(w.Context(), b.PID()))
		w.must(b.Link(w.Context(), c.PID()))
		c.Stop()
		<-a.Ended()
		for _, p := range []*cluster.Process{a, b} {
			down := new(cluster.DownError)
			if !errors.As(p.Err(), &down) || !errors.Is(p.Err(), cluster.ErrNoProcess) {
				w.Errorf("%s ended for %v", p.PID(), p.Err())
			}
		}
		d := w.spawn(hosts[0], "d")
		w.wants("link to the dead", d.Link(w.Context(), c.PID()), cluster.ErrNoProcess)
		e := w.spawn(hosts[1], "e")
		w.must(d.Link(w.Context(), e.PID()))
		hosts[1].network.Drop()
		<-d.Ended()
		<-e.Ended() // each takes the other for dead
		w.wants("link to the cut off", d.Err(), cluster.ErrNodeDown)
	})
}

func TestMulticall(t *testing.T) {
	everywhere(t, func(w *world) {
		refusal := errors.New("not today")
		never := make(chan struct{})
		ops := func(node string) map[string]cluster.Op {
			return map[string]cluster.Op{
				"name": func(context.Context, []byte) ([]byte, error) { return []byte(node), nil },
				"some": func(ctx context.Context, _ []byte) ([]byte, error) {
					switch node {
					case "n2":
						return nil, refusal
					case "n3":
						select {
						case <-never:
						case <-ctx.Done():
						}
					case "n4":
						panic("on purpose")
					}
					return []byte(node), nil
				},
			}
		}
		names := []string{"n1", "n2", "n3", "n4"}
		var hosts []*host
		for _, name := range names {
			cfg := w.config(name)
			cfg.Ops = ops(name)
			hosts = append(hosts, w.start(cfg))
		}
		w.sees(hosts[0], names...)
		show := func(a cluster.Answers) string {
			var s string
			for _, one := range a.Answers {
				s += fmt.Sprintf("%s:%s:%v ", one.Node, one.Body, one.Err != nil)
			}
			for _, one := range a.Silent {
				s += fmt.Sprintf("%s:%v ", one.Node, errors.Is(one.Err, cluster.ErrNodeDown))
			}
			return strings.TrimSpace(s)
		}
		want := func(what string, a cluster.Answers, want string) {
			w.Helper()
			if got := show(a); got != want {
				w.Errorf("%s: got %s, want %s", what, got, want)
			}
		}
		want("all", hosts[0].Multicall(w.Context(), "name", nil, 0), "n1:n1:false n2:n2:false n3:n3:false n4:n4:false")
		want("given", hosts[0].Multicall(w.Context(), "name", nil, time.Second, "n4", "n2", "n9", "n2"), "n2:n2:false n4:n4:false n9:true")
		some := hosts[0].Multicall(w.Context(), "some", nil, 300*time.Millisecond)
		want("some", some, "n1:n1:false n2::true n4::true n3:false")
		w.wants("a panic", some.Answers[2].Err, cluster.ErrPanic)
		if remote := new(cluster.RemoteError); !errors.As(some.Answers[1].Err, &remote) || remote.Message != refusal.Error() {
			w.Errorf("refused with %v", some.Answers[1].Err)
		}
		time.AfterFunc(100*time.Millisecond, func() { hosts[2].network.Cut() })
		want("without a timeout, until the node is down", hosts[0].Multicall(w.Context(), "some", nil, 0, "n1", "n3"), "n1:n1:false n3:true")
		_, err := hosts[0].Call(w.Context(), "n2", "none", nil)
		w.wants("unknown operation", err, cluster.ErrNoOp)
		_, err = hosts[0].Call(w.Context(), "n9", "name", nil)
		w.wants("unknown node", err, cluster.ErrNodeDown)
		close(never)
	})
}
