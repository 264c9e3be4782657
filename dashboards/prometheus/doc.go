// Package prometheus holds waitgraph's recording and alerting rules for
// Prometheus, and the tests that keep them, the detector's metrics, docs/metrics.md
// and docs/runbook.md in step. It has no code of its own.
//
//	waitgraph.rules.yml   the rules: load this into Prometheus
//	waitgraph.test.yml    what each alert fires at, and what it does not: promtool runs it
package prometheus
