// Package alertsink pushes verdicts to those who wake people: to Alertmanagers,
// and to webhooks where there is none. A scrape would come too late for a
// deadlock that its callers' timeouts end after 5 s.
//
//	             ┌─▶ queue ─▶ goroutine ─▶ POST /api/v2/alerts   (each Alertmanager)
//	Announce ────┤
//	             └─▶ queue ─▶ goroutine ─▶ POST, webhook form 4  (each webhook)
//
// # What is pushed
//
// A verdict that stands is an alert that fires. At each reminder it is pushed to
// Alertmanagers again with an end that lies four reminders ahead, at least 30 s,
// so that it ends by itself when the detector is gone. A verdict that was resolved or
// retracted is pushed once more, with its end. Only confirmed verdicts are
// pushed, unless Config.Suspected is set; a suspicion that is confirmed then
// ends as an alert, and a new one begins.
//
// A webhook is told what Alertmanager would tell it, in one message for each
// verdict: that it fires, that it still does each hour, and that it is resolved.
//
// # Labels
//
// Labels are what an alert is known by, so they stay as they were when it began;
// what changes is told by annotations.
//
//	alertname  WaitgraphDeadlock
//	deadlock   the verdict's ID
//	status     confirmed or suspected
//	severity   critical if confirmed, warning if suspected
//	kind       self, cycle or knot
//	services   of the core, sorted, joined by commas
//
// No metric of waitgraph has an ID as a label, since each value would be a series
// that is kept for weeks. An alert is kept until it ends, and Alertmanager tells
// two alerts apart by their labels alone: without the ID, two deadlocks of the
// same services would be one, and the end of the first that of both. As all
// detectors name a core alike, what two replicas push is one alert.
//
//	summary        one line
//	description    who waits for what, a sentence for each edge
//	first_timeout  when the first process gives up, RFC 3339
//	deadlock_url   the verdict at the HTTP API, if Config.Link says where that is
//
// Alertmanager must be told not to wait: with its default group_wait of 30 s it
// never tells of a deadlock that a timeout ends after 5 s.
//
//	route:
//	  routes:
//	    - matchers: [alertname="WaitgraphDeadlock"]
//	      group_by: [deadlock]
//	      group_wait: 0s
//	      group_interval: 1s
//
// The ends compare this machine's clock with Alertmanager's: if that is behind,
// an alert ends later by as much as the end of its last reminder lies ahead.
//
// # Receivers that fail
//
// Announce never waits. What is pushed is a state and not an event, so a queue
// holds the newest state of each alert and no more, for at most 1024 alerts. A
// receiver that is down, slow or overloaded is tried again after a growing pause,
// always with what is the newest then, until the state is no longer worth
// telling. One that refuses or redirects is not tried again before there is
// something new. An attempt takes at most 5 s, reads at most 4 KiB of the answer
// and believes nothing but its status. The fate of each state is counted.
//
// # Secrets
//
// What authenticates the detector comes from a file, which is read for each
// attempt so that it can be replaced, or from the one who makes the Config. It is
// never sent unencrypted to another machine, never to where a redirect points,
// and never shown; nor is anything that a receiver answered, since it may repeat
// what it was sent. Logs name receivers by scheme and host, because the path of a
// webhook is often its password.
package alertsink
