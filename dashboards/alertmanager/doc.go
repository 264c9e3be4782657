// Package alertmanager holds a configuration of Alertmanager for verdicts that are
// pushed and alerts of Prometheus's rules, and the tests that it does with them
// what it should. It has no code of its own.
package alertmanager
