// Package picture draws dashboards as SVG, as Grafana would show them: the same
// panels at the same places, from the answers of a Prometheus to the same
// queries. It knows the kinds of panels and options that package grafana uses.
package picture
