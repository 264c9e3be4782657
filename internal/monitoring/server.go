package monitoring

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Patience bounds how long a server may take to start or to stop.
const Patience = 30 * time.Second

// Server is a program that serves HTTP on a loopback port.
type Server struct {
	URL  string
	stop func()
}

// Stop ends the program, and returns when it has ended.
func (s *Server) Stop() { s.stop() }

// Scrape says what a Prometheus does.
type Scrape struct {
	Target       string // where a detector listens
	Interval     time.Duration
	Rules        string // a file; empty: none
	Alertmanager string // a base URL; empty: none
	Exemplars    bool   // keep them
}

// Prometheus starts one that keeps what it has in the folder.
func Prometheus(folder string, s Scrape) (*Server, error) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, fmt.Errorf("start Prometheus: %w", err)
	}
	text := fmt.Sprintf("global: {scrape_interval: %[1]v, scrape_timeout: %[1]v, evaluation_interval: %[1]v}\n"+
		"scrape_configs: [{job_name: waitgraph, static_configs: [{targets: [%[2]q]}]}]\n", s.Interval, s.Target)
	if s.Rules != "" {
		rules, err := filepath.Abs(s.Rules)
		if err != nil {
			return nil, fmt.Errorf("start Prometheus: %w", err)
		}
		text += fmt.Sprintf("rule_files: [%q]\n", rules)
	}
	if s.Alertmanager != "" {
		text += fmt.Sprintf("alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n", strings.TrimPrefix(s.Alertmanager, "http://"))
	}
	file := filepath.Join(folder, "prometheus.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("start Prometheus: %w", err)
	}
	args := []string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0"}
	if s.Exemplars {
		args = append(args, "--enable-feature=exemplar-storage")
	}
	return start(`msg="Server is ready`, program, args...)
}

// Alertmanager starts one with a configuration, which keeps what it has in the
// folder.
func Alertmanager(folder, configuration string) (*Server, error) {
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		return nil, fmt.Errorf("start Alertmanager: %w", err)
	}
	return start(`msg="Listening on`, program, "--config.file="+configuration, "--storage.path="+filepath.Join(folder, "alerts"), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// start starts a program, and returns when it has written that it is ready.
func start(ready, program string, args ...string) (*Server, error) {
	ctx, cancel := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, program, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = Patience
	log, err := c.StderrPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	if err := c.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	address, ended := make(chan string, 1), make(chan struct{})
	var last string
	go func() {
		defer close(ended)
		at, isReady := "", false // they come in either order
		for lines := bufio.NewScanner(log); lines.Scan(); {
			last = lines.Text()
			if m := listening.FindStringSubmatch(last); m != nil && at == "" {
				at = m[1]
			}
			isReady = isReady || strings.Contains(last, ready)
			if isReady && at != "" {
				select {
				case address <- at:
				default:
				}
			}
		}
		_ = c.Wait() // it is told to end
	}()
	s := &Server{stop: func() { cancel(); <-ended }}
	select {
	case a := <-address:
		s.URL = "http://" + a
		return s, nil
	case <-ended:
		cancel()
		return nil, fmt.Errorf("start %s: it ended: %s", program, last)
	case <-time.After(Patience):
		s.Stop()
		return nil, fmt.Errorf("start %s: %w", program, errors.New("it is not ready in time"))
	}
}
