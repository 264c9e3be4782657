package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReady(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/recovering" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "recovering\x1b[2J\n")
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	}))
	defer s.Close()
	if out, err := command(t, nil, "ready", s.URL).CombinedOutput(); err != nil || string(out) != "ready\n" {
		t.Errorf("it ended with %v and said %q", err, out)
	}
	out, err := command(t, nil, "ready", s.URL+"/recovering").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not ready: recovering") || strings.Contains(string(out), "\x1b") {
		t.Errorf("it ended with %v and said %q", err, out)
	}
}
