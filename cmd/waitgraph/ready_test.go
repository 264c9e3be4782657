package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReady(t *testing.T) {
	status, says := http.StatusOK, "ready\n"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(says))
	}))
	defer s.Close()
	if out, err := command(t, nil, "ready", s.URL).CombinedOutput(); err != nil || string(out) != "ready\n" {
		t.Errorf("it ended with %v and said %q", err, out)
	}
	status, says = http.StatusServiceUnavailable, "recovering\x1b[2J\n"
	out, err := command(t, nil, "ready", s.URL).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not ready: recovering") || strings.Contains(string(out), "\x1b") {
		t.Errorf("it ended with %v and said %q", err, out)
	}
}
