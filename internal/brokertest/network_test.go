package brokertest

import (
	"errors"
	"io"
	"net"
	"testing"
)

// Connections break when the network fails, and can be made unless it is down.
func TestNetwork(t *testing.T) {
	n := NewNetwork(func(string, string) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		return near, nil
	})
	broken := func(conn net.Conn) bool {
		_, err := conn.Read(make([]byte, 1))
		return errors.Is(err, io.ErrClosedPipe)
	}
	for _, fail := range []func(){n.Drop, func() { n.Cut(); n.Mend() }} {
		conn, err := n.Dial("tcp", "broker")
		if err != nil {
			t.Fatal(err)
		}
		if fail(); !broken(conn) {
			t.Error("a connection outlives the failure of its network")
		}
	}
	n.Cut()
	if _, err := n.Dial("tcp", "broker"); !errors.Is(err, ErrDown) {
		t.Errorf("dial while the network is down: %v", err)
	}
}
