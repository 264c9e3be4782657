package brokertest

import (
	"errors"
	"net"
	"sync"
)

// Network lies between a part of a test and the broker, and can fail. It is safe
// for concurrent use.
type Network struct {
	dial func(network, addr string) (net.Conn, error)

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

// NewNetwork returns a network over transports that dial opens; nil means TCP.
func NewNetwork(dial func(network, addr string) (net.Conn, error)) *Network {
	if dial == nil {
		dial = net.Dial
	}
	return &Network{dial: dial}
}

// ErrDown is the error of Dial while a Network is down.
var ErrDown = errors.New("the network is down")

// Dial connects, unless the network is down.
func (n *Network) Dial(network, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, ErrDown
	}
	conn, err := n.dial(network, addr)
	if err == nil {
		n.conns = append(n.conns, conn)
	}
	return conn, err
}

// Cut breaks all connections, and there are no others until Mend.
func (n *Network) Cut() { n.fail(true) }

// Drop breaks all connections. Others can be made.
func (n *Network) Drop() { n.fail(false) }

func (n *Network) fail(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	for _, conn := range n.conns {
		_ = conn.Close() // it may be closed already
	}
	n.conns = nil
}

// Mend lets connections be made again.
func (n *Network) Mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
}
