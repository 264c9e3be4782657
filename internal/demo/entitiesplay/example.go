package entitiesplay

import (
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/entities"
)

const timeout = entities.DefaultTimeout

// Servers, entities and those who ask.
const (
	one, two     = "one", "two"
	entity1      = "entity_1"
	entity2      = "entity_2"
	caller       = "caller"
	otherCaller  = "caller_b"
	nameConflict = "name conflict, terminating " + entity1
)

// Example returns the example.
func Example() demo.Example {
	perServer := entities.Variant{Registration: entities.PerServer}
	return demo.Example{
		Name:    "entities",
		Title:   "Two servers, one entity: who knows its state, and two entities that wait for each other",
		Cast:    "two servers that share a store, with a process for each of entity_1 and entity_2",
		Timeout: timeout,
		Acts: []demo.Act{
			demo.NewAct(demo.Bare, build(perServer, apart), diverge, stillDiverge),
			demo.NewAct(demo.Bare, build(entities.Variant{Registration: entities.ReadStore}, together), readStore),
			demo.NewAct(demo.Watched, build(entities.Variant{}, together), clusterWide, restart),
			demo.NewAct(demo.Bare, build(entities.Variant{Naive: true}, apart), naive),
			demo.NewAct(demo.Bare, build(entities.Variant{Naive: true}, apart), connectedFirst),
			demo.NewAct(demo.Watched, build(entities.Variant{}, apart), stale, fenced),
			demo.NewAct(demo.Watched, build(entities.Variant{Ordered: true}, together), ordered),
			demo.NewAct(demo.Watched, build(entities.Variant{}, together), crossing),
		},
		Node: node, Nodes: "one, two, …: a server; those started in one folder share a store there",
		Ops: ops(),
	}
}
