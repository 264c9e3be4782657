package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/waitgraph/waitgraph/internal/pause"
)

// CreateGroup makes a group known to all nodes. It stays known for as long as a
// node is up that knows it. Creating it again does nothing.
func (n *Node) CreateGroup(ctx context.Context, group string) error {
	if err := checkName(group); err != nil {
		return fmt.Errorf("create group: %w", err)
	}
	n.change(func(self *announcement) {
		if _, known := self.Groups[group]; !known {
			self.Groups = with(self.Groups, group, nil)
		}
	})
	n.tell(ctx)
	return nil
}

// adopt makes this node one of those that know the groups of another. The lock
// must be held.
func (n *Node) adopt(groups map[string][]string) {
	unknown := func(g string) bool { _, known := n.self.Groups[g]; return !known }
	if !slices.ContainsFunc(slices.Collect(maps.Keys(groups)), unknown) {
		return
	}
	n.changeLocked(func(self *announcement) {
		for g := range groups {
			if unknown(g) && len(self.Groups) < maxAnnounced {
				self.Groups = with(self.Groups, g, nil)
			}
		}
	})
}

// Groups returns the names of all groups, in order.
func (n *Node) Groups() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.roster.groups()
}

// Members returns the processes in a group, on whatever node, in order of nodes
// and names. They are alive as far as this node knows.
func (n *Node) Members(group string) ([]PID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.roster.knowsGroup(group) {
		return nil, fmt.Errorf("members of %q: %w", group, ErrNoGroup)
	}
	return n.roster.group(group), nil
}

// Join makes the process a member of a group that somebody has created, and
// copies the group's values to its node. Joining again does nothing. It waits
// for a Put that is under way.
func (p *Process) Join(ctx context.Context, group string) error {
	err := p.inGroup(ctx, group, func(ctx context.Context) error {
		if err := p.node.pull(ctx, group); err != nil {
			return err
		}
		p.node.change(func(self *announcement) {
			members := self.Groups[group]
			if p.node.processes[p.pid.Name] == p && !slices.Contains(members, p.pid.Name) {
				self.Groups = with(self.Groups, group, append(slices.Clone(members), p.pid.Name))
			}
		})
		p.node.tell(ctx)
		return nil
	})
	if err != nil {
		return fmt.Errorf("join %s: %w", group, err)
	}
	return nil
}

// Leave ends the process's membership. A process that ends leaves by itself.
func (p *Process) Leave(group string) error {
	member := false
	p.node.change(func(self *announcement) {
		members := self.Groups[group]
		if member = slices.Contains(members, p.pid.Name); member {
			self.Groups = with(self.Groups, group, remove(members, p.pid.Name))
			p.node.dropValues()
		}
	})
	if !member {
		return fmt.Errorf("leave %q: %w", group, ErrNotMember)
	}
	return nil
}

// inGroup runs f while the process holds the lock of a group.
func (p *Process) inGroup(ctx context.Context, group string, f func(ctx context.Context) error) (err error) {
	if err := checkName(group); err != nil {
		return err
	}
	n, queue := p.node, p.node.cfg.object("group", group)
	n.mu.Lock()
	known := n.roster.knowsGroup(group)
	n.mu.Unlock()
	if !known {
		return ErrNoGroup
	}
	l, err := p.lock(p.as(ctx), queue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.unlock(queue)) }()
	ctx, done := l.whileHeld(p.as(ctx))
	defer done()
	return f(ctx)
}

// value is one that is copied to the nodes of all members of its group.
type value struct {
	Version uint64 `json:"version"`
	Body    []byte `json:"body"`
}

// entry is a value on its way.
type entry struct {
	Group string `json:"group"`
	Key   string `json:"key"`
	Value value  `json:"value"`
}

// Put copies a value to the node of each member of a group, so that it survives
// as long as one of them does. When Put returns nil, every node that is up and
// hosts a member has it. Puts to one group are serial. It need not be a member
// who puts.
func (p *Process) Put(ctx context.Context, group, key string, body []byte) error {
	if err := checkName(key); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	err := p.inGroup(ctx, group, func(ctx context.Context) error {
		all, err := p.node.copies(ctx, group)
		if err != nil {
			return err
		}
		e := entry{Group: group, Key: key, Value: value{Version: all[key].Version + 1, Body: body}}
		return p.node.toAll(ctx, "store", e, func(json.RawMessage) error { return nil })
	})
	if err != nil {
		return fmt.Errorf("put %s in %s: %w", key, group, err)
	}
	return nil
}

// Get returns a value of a group: from this node if it hosts a member, else from
// the others.
func (n *Node) Get(ctx context.Context, group, key string) ([]byte, error) {
	n.mu.Lock()
	known, v := n.roster.knowsGroup(group), n.values[group][key]
	n.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("get %q in %q: %w", key, group, ErrNoGroup)
	}
	if v.Version > 0 {
		return v.Body, nil
	}
	all, err := n.copies(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("get %s in %s: %w", key, group, err)
	}
	if all[key].Version == 0 {
		return nil, fmt.Errorf("get %q in %q: %w", key, group, ErrNoValue)
	}
	return all[key].Body, nil
}

// toAll asks all nodes that are up, and fails if one refuses or is silent
// although it is up.
func (n *Node) toAll(ctx context.Context, op string, q any, each func(reply json.RawMessage) error) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	all := n.Multicall(ctx, internal+op, body, n.cfg.CallTimeout)
	for _, a := range all.Answers {
		if a.Err != nil {
			return a.Err
		}
		if err := each(a.Body); err != nil {
			return err
		}
	}
	for _, a := range all.Silent {
		if !errors.Is(a.Err, ErrNodeDown) {
			return a.Err
		}
	}
	return context.Cause(ctx)
}

// copies returns the latest of what the nodes keep of a group.
func (n *Node) copies(ctx context.Context, group string) (map[string]value, error) {
	latest := make(map[string]value)
	err := n.toAll(ctx, "copy", group, func(reply json.RawMessage) error {
		var some map[string]value
		if err := json.Unmarshal(reply, &some); err != nil {
			return fmt.Errorf("decode copies: %w", err)
		}
		merge(latest, some)
		return nil
	})
	return latest, err
}

func merge(into, from map[string]value) {
	for key, v := range from {
		if into[key].Version < v.Version {
			into[key] = v
		}
	}
}

// pull copies the values of a group to this node.
func (n *Node) pull(ctx context.Context, group string) error {
	latest, err := n.copies(ctx, group)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.values[group] == nil {
		n.values[group] = make(map[string]value)
	}
	merge(n.values[group], latest)
	return nil
}

// resync makes up for what was put while the node was out of the cluster, as
// soon as it has heard of the others.
func (n *Node) resync(ctx context.Context) {
	if pause.For(ctx, n.cfg.Announce) != nil {
		return
	}
	n.mu.Lock()
	groups := slices.Collect(maps.Keys(n.values))
	n.mu.Unlock()
	for _, group := range groups {
		if err := n.pull(ctx, group); err != nil && ctx.Err() == nil {
			n.cfg.Log.WarnContext(ctx, "copy the values of a group", "group", group, "error", err)
		}
	}
}

func (n *Node) opCopy(_ context.Context, group string) (map[string]value, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.values[group]), nil
}

// opStore keeps a value if a member of its group is here, or is about to be.
func (n *Node) opStore(_ context.Context, e entry) (struct{}, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.values[e.Group] == nil && len(n.self.Groups[e.Group]) > 0 {
		n.values[e.Group] = make(map[string]value)
	}
	if values := n.values[e.Group]; values != nil {
		merge(values, map[string]value{e.Key: e.Value})
	}
	return struct{}{}, nil
}

// dropValues drops the copies of groups without a member here. The lock must be
// held.
func (n *Node) dropValues() {
	maps.DeleteFunc(n.values, func(group string, _ map[string]value) bool { return len(n.self.Groups[group]) == 0 })
}

func remove(from []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(from), func(s string) bool { return s == name })
}
