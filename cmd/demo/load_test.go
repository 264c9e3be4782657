package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Requests reach a web server on this machine from several nodes, and the
// summary says so.
func TestLoad(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	var stdout, stderr bytes.Buffer
	cmd := command(t, "load", "-n", "200", "-c", "7", server.URL)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for _, want := range []string{"total      200\n", "succeeded  180\n", "failed     20\n", "500 Internal Server Error"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is missing:\n%s", want, stdout.String())
		}
	}
	if !strings.Contains(stderr.String(), "] 100 %  200 of 200\n") || requests.Load() != 200 {
		t.Errorf("%d requests; progress: %s", requests.Load(), stderr.String())
	}
}
