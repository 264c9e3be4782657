// Package grafana makes waitgraph's dashboards for Grafana 10 to 13, and says of
// each panel what it shows and by which queries.
//
//	detector.json   does the detector see everything, how quick and how right is it
//	graph.json      which service waits for which, and where nothing moves any more
//	outages.json    detection against timeout crash: what was caught, how early, at what cost
//	provisioning/   has Grafana load them from files
//
// The files are written by generate (make dashboards) in Grafana's classic form.
// They are not to be edited: a test compares them with what it would write.
//
// Each dashboard is about one detector, which is chosen at its top, so that two
// detectors that see the same deadlocks do not count them twice. Queries are
// plain PromQL on metrics of docs/metrics.md, and need no recording rules.
package grafana
