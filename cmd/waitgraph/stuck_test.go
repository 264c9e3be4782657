package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// listener returns where connections are made within ten seconds.
func listener(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := l.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return l
}

// refuse closes the next connection.
func refuse(t *testing.T, l net.Listener) {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// clogged returns a pipe that takes nothing more, since nobody reads it.
func clogged(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if err := w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = w.Write(make([]byte, 4096))
	}
	return w
}

func TestALogThatNobodyReadsHoldsUpNothing(t *testing.T) {
	broker := listener(t)
	c := command(t, nil, "run", "--wait", "--listen=", "--amqp-url=amqp://"+broker.Addr().String()+"/")
	c.Stdout, c.Stderr = clogged(t), clogged(t)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	refuse(t, broker) // which is logged
	refuse(t, broker)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestAFailureThatNobodyReadsIsOne(t *testing.T) {
	c := command(t, nil, "run", "--listen=", "--amqp-url=amqp://127.0.0.1:1/")
	c.Stderr = clogged(t)
	exit := new(exec.ExitError)
	if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != statusFailed {
		t.Errorf("it ended with %v", err)
	}
}

// TestTheSecondSignalKills has a client that says nothing, for which the
// detector waits when it stops.
func TestTheSecondSignalKills(t *testing.T) {
	broker := listener(t)
	free := listener(t)
	address := free.Addr().String()
	free.Close()
	c := command(t, nil, "run", "--wait", "--listen="+address, "--amqp-url=amqp://"+broker.Addr().String()+"/")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	refuse(t, broker) // so it listens by now
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r, err := http.Get("http://" + address + "/livez") // so the client before has been let in
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case err := <-ended:
			exit := new(exec.ExitError)
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v", err)
			}
			return
		case <-time.After(20 * time.Millisecond):
			_ = c.Process.Signal(syscall.SIGTERM) // unless it has just ended
		}
	}
}
