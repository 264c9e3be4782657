package grafana

import "fmt"

// Waits of services over time, by who waits for whom, and those of deadlocked
// processes among them. A rate of seconds waited is how many waited on average.
const (
	waits = `rate(waitgraph_service_wait_seconds_total{}[@])`
	stuck = `rate(waitgraph_service_deadlocked_wait_seconds_total{}[@])`
)

// as copies a label to another name.
func as(to, from, expr string) string {
	return fmt.Sprintf(`label_join(%s, %q, "", %q)`, expr, to, from)
}

// with adds a label with a fixed value.
func with(label, value, expr string) string {
	return fmt.Sprintf(`label_replace(%s, %q, %q, "", "")`, expr, label, value)
}

// The same over the whole range of time, in seconds.
const (
	waited = `increase(waitgraph_service_wait_seconds_total{}[range])`
	hung   = `increase(waitgraph_service_deadlocked_wait_seconds_total{}[range])`
)

// The node graph panel takes tables in which the columns id, source, target, mainstat
// and color mean something. Prometheus's columns are labels, so the
// value is made one too, by count_values.

// nodes has a row for each service: red if some of its processes were
// deadlocked, orange if they waited, green if others waited for them and they
// did not.
func nodes() string {
	by := func(label, expr string) string { return "sum by (id) (" + as("id", label, expr) + ")" }
	waiting := by("waiter", waited+" > 0")
	shown := with("color", red, with("subtitle", "deadlocked", waiting+" and on (id) "+by("waiter", hung+" > 0"))) +
		" or on (id) " + with("color", orange, with("subtitle", "waited", waiting)) +
		" or on (id) " + with("color", green, with("subtitle", "was waited for", "0 * "+by("holder", waited+" > 0")))
	return inSeconds(`count_values by (id, title, subtitle, color) ("mainstat", round(` + as("title", "id", shown) + `, 0.1))`)
}

// edges has a row for each flow from a service that waits to one that can grant.
func edges() string {
	ends := func(expr string) string {
		return as("source", "waiter", as("target", "holder", as("secondarystat", "resource", "sum by (waiter, holder, resource) ("+expr+")")))
	}
	shown := with("color", red, ends(waited+" > 0")+" and on (waiter, holder, resource) ("+hung+" > 0)") +
		" or on (waiter, holder, resource) " + with("color", orange, ends(waited+" > 0"))
	return inSeconds(`count_values by (id, source, target, secondarystat, color) ("mainstat", round(label_join(` + shown + `, "id", " > ", "source", "target", "secondarystat"), 0.1))`)
}

// inSeconds adds the unit to mainstat.
func inSeconds(expr string) string {
	return `label_replace(` + expr + `, "mainstat", "$1 s", "mainstat", "(.*)")`
}

// table makes queries return tables under the names that the node graph panel
// knows.
func table(names ...string) change {
	return func(p *Panel) {
		for i := range p.Targets {
			t := &p.Targets[i]
			t.Format, t.Instant, t.Range = "table", true, false
			if i < len(names) {
				t.RefID = names[i]
			}
		}
	}
}

// graphBoard shows who waits for whom.
func graphBoard() Dashboard {
	graph := panel("nodeGraph", "Who waited for whom",
		"Services, and an arrow from each that waited to the one that could grant, with the time that its processes spent waiting in this range of time. Red: some of them were deadlocked. Orange: they waited, and went on. Green: others waited for it, and it waited for nobody. Which processes wait at this moment is at /api/v1/graph of the detector.",
		"short", []query{{nodes(), ""}, {edges(), ""}}, []change{table("nodes", "edges"), size(15, 16)})
	graph.Options = map[string]any{
		"layoutAlgorithm": "layered", "zoomMode": "cooperative",
	}
	flows := panel("table", "Flows at this moment", "How many wait at this moment, and how many of them are deadlocked.", "none",
		[]query{{`sum by (waiter, holder, resource) (waitgraph_service_waits{waiter!="other"})`, ""}, {`sum by (waiter, holder, resource) (waitgraph_service_deadlocked_waits{waiter!="other"})`, ""}},
		[]change{table(), size(9, 16)})
	flows.Options = map[string]any{"showHeader": true, "cellHeight": "sm", "sortBy": []map[string]any{{"displayName": "deadlocked", "desc": true}}}
	flows.Transforms = []Transform{
		{"merge", map[string]any{}},
		{"organize", map[string]any{
			"excludeByName": map[string]bool{"Time": true},
			"indexByName":   map[string]int{"waiter": 0, "holder": 1, "resource": 2, "Value #A": 3, "Value #B": 4},
			"renameByName":  map[string]string{"waiter": "waits", "holder": "for", "resource": "by", "Value #A": "now", "Value #B": "deadlocked"},
		}},
	}
	return build("waitgraph-graph", "waitgraph: wait-for graph",
		"Which service waits for which, over time, and where nothing moves any more.",
		graph, flows,
		row("Over time"),
		series("Waits by who waits for whom", "Waits on average, counted between scrapes too.", "short",
			[]query{{`sum by (waiter, holder, resource) (` + waits + `) > 0`, "{{waiter}} → {{holder}} ({{resource}})"}}),
		series("Deadlocked waits by who waits for whom", "Of them, waits of processes that nobody can free any more: core and collateral.", "short",
			[]query{{`sum by (waiter, holder, resource) (` + stuck + `) > 0`, "{{waiter}} → {{holder}} ({{resource}})"}}),
		series("Waits by kind", "Waits on average, by the kind of resource.", "short",
			[]query{{`sum by (resource) (` + waits + `)`, "{{resource}}"}}),
		series("Blocked processes", "Processes that are known to be blocked, and of them those that nobody can free any more.", "none",
			[]query{{`waitgraph_blocked_processes{}`, "blocked"}, {`waitgraph_deadlocked_processes{}`, "deadlocked"}}, colored("blocked", blue, "deadlocked", red), stepped),
	)
}
