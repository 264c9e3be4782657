package cluster

import (
	"fmt"
	"maps"
	"slices"
)

// PID is one life of a process.
type PID struct {
	Address
	Incarnation uint64 `json:"incarnation"` // higher in each life under the same name
}

// Address is where a process is called: its name, which is local to its node.
type Address struct {
	Name string `json:"name"`
	Node string `json:"node"`
}

// String returns name@node.
func (a Address) String() string { return a.Name + "@" + a.Node }

// announcement is all that a node has, at one moment.
type announcement struct {
	Node      string              `json:"node"`
	Stay      uint64              `json:"stay"` // in the cluster; each has a number of its own
	Seq       uint64              `json:"seq"`
	Hello     bool                `json:"hello,omitempty"` // the node knows nobody and wants to be told
	Processes map[string]uint64   `json:"processes"`       // incarnation, by name
	Names     map[string]claim    `json:"names"`           // by registered name
	Groups    map[string][]string `json:"groups"`          // processes here, for each group known
	Services  []string            `json:"services"`        // that the node is ready to serve
}

// claim says which process has registered a name.
type claim struct {
	Process     string `json:"process"`
	Incarnation uint64 `json:"incarnation"` // of the registration
}

// maxAnnounced bounds each list of a peer's announcement, and the roster.
const maxAnnounced = 10_000

// validate refuses what a peer should not be able to make us keep.
func (a *announcement) validate() error {
	if err := (Config{Cluster: a.Node, Node: a.Node}).Names(); err != nil {
		return err
	}
	if max(len(a.Processes), len(a.Names), len(a.Groups), len(a.Services)) > maxAnnounced {
		return fmt.Errorf("%w: announcement of more than %d", ErrInvalid, maxAnnounced)
	}
	for _, names := range [][]string{
		slices.Collect(maps.Keys(a.Processes)), slices.Collect(maps.Keys(a.Names)), slices.Collect(maps.Keys(a.Groups)), a.Services,
	} {
		for _, name := range names {
			if err := checkName(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// roster is who is up, and what each has announced. It is a value without any
// goroutine; the node's lock guards it.
type roster struct {
	members map[string]announcement
	ended   map[string]uint64 // the last stay of a node that is known to have ended
}

func newRoster() roster {
	return roster{members: make(map[string]announcement), ended: make(map[string]uint64)}
}

// hear takes in an announcement. It returns false if that is old, or of a stay
// that has ended. While one stay of a node is not known to have ended, the next
// one can only be an announcement that has overtaken its token: it is repeated.
func (r *roster) hear(a announcement) bool {
	known, up := r.members[a.Node]
	switch {
	case a.Stay == 0 || a.Stay == r.ended[a.Node]:
		return false
	case up && (a.Stay != known.Stay || a.Seq <= known.Seq):
		return false
	case !up && len(r.members) >= maxAnnounced:
		return false
	}
	r.members[a.Node] = a
	return true
}

// end notes that a node is down.
func (r *roster) end(node string) {
	if a, up := r.members[node]; up {
		r.ended[node] = a.Stay
		delete(r.members, node)
	}
}

// forgetAllBut leaves one node in the roster. The others may well be up.
func (r *roster) forgetAllBut(node string) {
	maps.DeleteFunc(r.members, func(other string, _ announcement) bool { return other != node })
}

func (r *roster) up(node string) bool {
	_, up := r.members[node]
	return up
}

// nodes returns the names of those that are up, in order.
func (r *roster) nodes() []string { return slices.Sorted(maps.Keys(r.members)) }

// incarnation returns that of the process of an address, 0 if there is none.
func (r *roster) incarnation(a Address) uint64 { return r.members[a.Node].Processes[a.Name] }

func (r *roster) alive(p PID) bool {
	return p.Incarnation != 0 && r.incarnation(p.Address) == p.Incarnation
}

// names returns who has registered which name. While an announcement is on its
// way, the latest registration counts.
func (r *roster) names() map[string]PID {
	all := make(map[string]PID)
	latest := make(map[string]uint64)
	for node, a := range r.members {
		for name, c := range a.Names {
			if inc := a.Processes[c.Process]; inc != 0 && latest[name] < c.Incarnation {
				latest[name] = c.Incarnation
				all[name] = PID{Address{c.Process, node}, inc}
			}
		}
	}
	return all
}

// groups returns the names of all groups, in order.
func (r *roster) groups() []string {
	all := make(map[string]struct{})
	for _, a := range r.members {
		for g := range a.Groups {
			all[g] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (r *roster) knowsGroup(name string) bool {
	for _, a := range r.members {
		if _, known := a.Groups[name]; known {
			return true
		}
	}
	return false
}

// group returns the members of a group, in order of node and name.
func (r *roster) group(name string) []PID {
	var members []PID
	for _, node := range r.nodes() {
		a := r.members[node]
		for _, process := range slices.Sorted(slices.Values(a.Groups[name])) {
			if inc := a.Processes[process]; inc != 0 {
				members = append(members, PID{Address{process, node}, inc})
			}
		}
	}
	return members
}

// ready reports whether a node is ready to serve a service.
func (r *roster) ready(node, service string) bool {
	return slices.Contains(r.members[node].Services, service)
}
