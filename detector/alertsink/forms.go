package alertsink

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// alertsPath is where Alertmanager takes alerts, below its base URL.
const alertsPath = "/api/v2/alerts"

// form is how one kind of receiver is told.
type form struct {
	kind   string // as metrics name it
	name   string // as people do
	path   string // to be added to its URL
	batch  int    // alerts in one message
	repeat time.Duration
	encode func(alerts []*alert, external string) ([]byte, error)
}

// The forms. Repeat is how long one that was told that an alert fires need not
// be told again.
var (
	alertmanager = form{kind: "alertmanager", name: "Alertmanager", path: alertsPath, batch: 64, encode: encodeAlerts}
	webhook      = form{kind: "webhook", name: "webhook", batch: 1, repeat: time.Hour, encode: encodeMessage}
	forms        = []form{alertmanager, webhook}
)

// postable is an alert as Alertmanager's API takes it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

func encodeAlerts(alerts []*alert, _ string) ([]byte, error) {
	all := make([]postable, len(alerts))
	for i, a := range alerts {
		all[i] = postable{a.labels, a.annotations, a.starts.UTC(), a.ends.UTC(), a.url}
	}
	return json.Marshal(all)
}

// message is what Alertmanager posts to a webhook.
type message struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []told            `json:"alerts"`
}

// told is an alert in a message.
type told struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // zero while it fires
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// encodeMessage encodes the first of alerts: a webhook is told of one at a time.
// External is where the HTTP API is.
func encodeMessage(alerts []*alert, external string) ([]byte, error) {
	a := alerts[0]
	t := told{
		Status: "firing", Labels: a.labels, Annotations: a.annotations, StartsAt: a.starts.UTC(),
		GeneratorURL: a.url, Fingerprint: fingerprint(a.labels),
	}
	if a.over {
		t.Status, t.EndsAt = "resolved", a.ends.UTC()
	}
	group := map[string]string{"alertname": a.labels["alertname"], "deadlock": a.labels["deadlock"]}
	return json.Marshal(message{
		Version:     "4",
		GroupKey:    fmt.Sprintf("{}:{alertname=%q, deadlock=%q}", group["alertname"], group["deadlock"]),
		Status:      t.Status,
		Receiver:    "waitgraph",
		GroupLabels: group, CommonLabels: a.labels, CommonAnnotations: a.annotations,
		ExternalURL: external,
		Alerts:      []told{t},
	})
}

// fingerprint is Alertmanager's own: FNV-1a of the sorted labels.
func fingerprint(labels map[string]string) string {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		h.Write([]byte(name + "\xff" + labels[name] + "\xff"))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
