package amqpsource

import (
	"io"
	"net"
	"sync"
	"time"
)

// far is a transport on which everything takes its time.
type far struct {
	net.Conn
	away time.Duration
	near *io.PipeReader // what has come, after its time
	out  chan packet
	once sync.Once
	end  chan struct{}
}

type packet struct {
	data []byte
	due  time.Time
}

// farOff makes what is written to a transport arrive later, and what is read.
func farOff(c net.Conn, away time.Duration) net.Conn {
	near, in := io.Pipe()
	f := &far{Conn: c, away: away, near: near, out: make(chan packet, 10_000), end: make(chan struct{})}
	arrived := make(chan packet, 10_000)
	go f.carry(f.out, c)
	go f.carry(arrived, in)
	go func() {
		defer close(arrived)
		for {
			data := make([]byte, 4096)
			n, err := c.Read(data)
			if err != nil {
				return
			}
			arrived <- packet{data[:n], time.Now().Add(away)}
		}
	}()
	return f
}

// carry delivers packets in their order, each at its time.
func (f *far) carry(packets <-chan packet, to io.WriteCloser) {
	defer to.Close()
	for {
		select {
		case p, ok := <-packets:
			if !ok {
				return
			}
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				return
			}
		case <-f.end:
			return
		}
	}
}

func (f *far) Write(data []byte) (int, error) {
	select {
	case f.out <- packet{append([]byte(nil), data...), time.Now().Add(f.away)}:
		return len(data), nil
	case <-f.end:
		return 0, net.ErrClosed
	}
}

func (f *far) Read(data []byte) (int, error) { return f.near.Read(data) }

func (f *far) Close() error {
	f.once.Do(func() { close(f.end) })
	_ = f.near.Close()
	return f.Conn.Close()
}
