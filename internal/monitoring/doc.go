// Package monitoring runs what watches the watcher: Prometheus and Alertmanager
// of Debian's packages, on loopback ports of their own, beside an example system
// and its detector in this OS process. Tests ask them what they have seen, and
// pictures of dashboards are drawn from their answers.
package monitoring
