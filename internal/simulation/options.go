package simulation

import (
	"math/rand/v2"
	"time"
)

// Options size a world. Numbers called chances are of one in a hundred.
type Options struct {
	Hosts      int
	Servers    int // single processes with a mailbox of their own
	Pools      int
	Workers    int // of each pool
	Clients    int
	Locks      int
	Semaphores int
	Length     time.Duration // of virtual time
	Pause      time.Duration // mean time between two programs of a client
	Patience   time.Duration // mean time, at least half of it, after which a process that waits without a limit is restarted

	// Chances.
	Upward       int // calls against the order of the queues: cycles need one
	Timeouts     int // calls that end by a timeout instead of waiting for ever
	Crashes      int // timeouts that crash their process
	Cancels      int // calls that are cancelled early
	Parallel     int // calls that are several at once
	Sends        int // messages that nobody waits for
	EarlyAnswers int // handlers that answer before they go on
	Strangers    int // pools with a worker that no agent watches
	Buffers      int // servers that take messages into a bounded buffer
	Failovers    int // processes of a dying host that another host takes over

	Depth   int // of nested calls that a program may make in a row
	Network Network
	Killing time.Duration // mean time between deaths of a host; 0: never
	Restart time.Duration // mean time between restarts of the detector; 0: never

	// Standing is the mean time for which a deadlock goes on that has stood for
	// Bound; 0: a second.
	Standing time.Duration

	// Chances.
	Leavers   int // pools whose workers leave their queue at times while they live on
	Farewells int // deaths of a host that are in good order: its agent says so
	Forks     int // calls that several goroutines make
	Drains    int // pools that take messages into a bounded buffer

	Parts   int // hosts whose agents tell complete sets in small parts
	Streams int // queues that reject messages when they are full, with Workers each
}

// Network says how reports, questions and answers travel. It is calm and rough
// in turns; chances, of one in a hundred, are those of the rough times.
type Network struct {
	Delay     time.Duration // mean, in calm times
	Rough     time.Duration // mean, in rough times
	Drop      int
	Duplicate int
	Turn      time.Duration // mean length of calm and of rough times; 0: always calm
	Partition int           // rough times in which one host is cut off altogether
	Late      int           // messages that are held back for a second or two
}

// RandomOptions makes up a world of moderate size.
func RandomOptions(seed uint64) Options {
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := rng.IntN
	opt := Options{
		Hosts: 1 + pick(4), Servers: 1 + pick(6), Pools: pick(3), Workers: 1 + pick(3),
		Clients: 1 + pick(8), Locks: pick(4), Semaphores: pick(3), Length: 30 * time.Second,
		Pause: time.Duration(1+pick(100)) * time.Millisecond, Patience: time.Duration(5+pick(10)) * time.Second,
		Upward: pick(2) * pick(101), Timeouts: pick(101), Crashes: pick(101), Cancels: pick(20),
		Parallel: pick(50), Sends: pick(50), EarlyAnswers: pick(30),
		Strangers: pick(2) * pick(60), Buffers: pick(2) * pick(60), Failovers: pick(60),
		Depth: 1 + pick(4),
		Network: Network{
			Delay: 300 * time.Microsecond, Rough: time.Duration(1+pick(40)) * time.Millisecond,
			Drop: pick(40), Duplicate: pick(20), Partition: pick(60),
		},
	}
	if pick(3) > 0 {
		opt.Network.Turn = time.Duration(1+pick(8)) * time.Second
	}
	if pick(4) == 0 {
		opt.Killing = time.Duration(3+pick(20)) * time.Second
	}
	if pick(4) == 0 {
		opt.Restart = time.Duration(3+pick(20)) * time.Second
	}
	if pick(8) == 0 {
		opt.last()
	}
	opt.Leavers = pick(2) * pick(100)
	opt.Farewells = pick(2) * pick(100)
	opt.Network.Late = pick(2) * pick(6)
	opt.Forks = pick(2) * pick(60)
	opt.Drains = pick(2) * pick(60)
	if opt.Streams = pick(3) * pick(2); opt.Streams > 0 {
		opt.Sends = 60 + pick(41)
	}
	if pick(12) == 0 {
		opt.Restart = time.Duration(500+pick(1500)) * time.Millisecond
	}
	opt.Parts = pick(2) * pick(100)
	if pick(12) == 0 {
		opt.crash(pick(2) * 60)
	}
	return opt
}

// crash makes a world of one pool, one of whose workers no agent watches, in which
// every timeout is a crash.
func (o *Options) crash(leavers int) {
	o.Servers, o.Pools, o.Workers, o.Clients = 1, 1, max(2, o.Workers), min(o.Clients, 4)
	o.Strangers, o.Leavers, o.Timeouts, o.Crashes = 100, leavers, 100, 100
	o.Upward, o.Forks, o.Streams, o.Drains = 60, 0, 0, 0
}

// last makes a world of few clients in which things last for longer than the
// detector remembers those of whom it hears nothing.
func (o *Options) last() {
	o.Length, o.Standing = 100*time.Second, 40*time.Second
	o.Clients = min(o.Clients, 3)
	o.Pause *= 4
	o.Patience *= 10
	if o.Killing > 0 {
		o.Killing *= 3
	}
	if o.Restart > 0 {
		o.Restart *= 3
	}
}
