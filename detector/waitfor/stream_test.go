package waitfor

import "math/rand/v2"

// stream is a system with a steady number of live waits, none of which ever
// deadlocks. A step takes it from one such state to another.
type stream interface {
	step(e engine)
}

// members is a set of small integers from which one can be drawn.
type members struct {
	list  []int32
	place []int32 // 1 + the place in list, 0 if it is no member
}

func (m *members) add(i int32) {
	m.list = append(m.list, i)
	m.place[i] = int32(len(m.list))
}

func (m *members) remove(i int32) {
	at, last := m.place[i], m.list[len(m.list)-1]
	m.list[at-1], m.place[last] = last, at
	m.list, m.place[i] = m.list[:len(m.list)-1], 0
}

func (m *members) any(rng *rand.Rand) int32 { return m.list[rng.IntN(len(m.list))] }

// forest is a system of nested calls. A step begins one call and ends another:
// an idle process calls any other, or a server that is being waited for calls
// an idle process; a call ends when its server is active. Process p waits for
// reply p.
type forest struct {
	rng     *rand.Rand
	callee  []int32   // by process, -1 if active
	callers [][]int32 // by process
	idle    members   // neither wait nor are waited for
	serving members   // active and waited for
}

func newForest(e engine, live int) stream {
	n := live + live/4 + 8
	f := &forest{
		rng: rand.New(rand.NewPCG(1, 1)), callee: make([]int32, n), callers: make([][]int32, n),
		idle: members{place: make([]int32, n)}, serving: members{place: make([]int32, n)},
	}
	for p := range n {
		f.callee[p] = -1
		f.idle.add(int32(p))
	}
	for range live {
		f.begin(e)
	}
	return f
}

func (f *forest) step(e engine) {
	f.begin(e)
	f.end(e)
}

func (f *forest) begin(e engine) {
	caller, callee := f.draw()
	f.idle.removeIfIn(caller)
	f.serving.removeIfIn(caller)
	if f.callee[callee] < 0 && len(f.callers[callee]) == 0 {
		f.idle.remove(callee)
		f.serving.add(callee)
	}
	f.callee[caller] = callee
	f.callers[callee] = append(f.callers[callee], caller)
	e.block(caller, 1, []int32{caller})
	e.hold(caller, callee)
}

func (f *forest) draw() (caller, callee int32) {
	idle := f.idle.any(f.rng)
	if len(f.serving.list) > 0 && f.rng.IntN(2) == 0 {
		return f.serving.any(f.rng), idle
	}
	for {
		if callee = int32(f.rng.IntN(len(f.callee))); callee != idle {
			return idle, callee
		}
	}
}

func (m *members) removeIfIn(i int32) {
	if m.place[i] > 0 {
		m.remove(i)
	}
}

// end ends the call that has waited longest at some active server.
func (f *forest) end(e engine) {
	callee := f.serving.any(f.rng)
	caller := f.callers[callee][0]
	f.callers[callee] = f.callers[callee][1:]
	f.callee[caller] = -1
	e.release(caller, callee)
	e.unblock(caller)
	if len(f.callers[callee]) == 0 {
		f.serving.remove(callee)
		f.idle.add(callee)
	}
	if len(f.callers[caller]) == 0 {
		f.idle.add(caller)
	} else {
		f.serving.add(caller)
	}
}

// chain is one long chain. A step adds a process at its head and takes it off
// again. Process p waits for resource p-1, which p-1 holds.
type chain struct{ length int32 }

func newChain(e engine, live int) stream {
	c := &chain{}
	for range live {
		c.grow(e)
	}
	return c
}

func (c *chain) grow(e engine) {
	c.length++
	e.block(c.length, 1, []int32{c.length - 1})
	e.hold(c.length-1, c.length-1)
}

func (c *chain) step(e engine) {
	c.grow(e)
	e.unblock(c.length)
	e.release(c.length-1, c.length-1)
	c.length--
}

// convoy is a lock with all the others queued. A step hands it to the next,
// and the former owner queues again.
type convoy struct{ owner, size int32 }

func newConvoy(e engine, live int) stream {
	c := &convoy{size: int32(live) + 1}
	e.hold(0, c.owner)
	for p := range int32(live) {
		e.block(p+1, 1, []int32{0})
	}
	return c
}

func (c *convoy) step(e engine) {
	next := (c.owner + 1) % c.size
	e.release(0, c.owner)
	e.unblock(next)
	e.hold(0, next)
	e.block(c.owner, 1, []int32{0})
	c.owner = next
}

// mix has waits for all, any and k of up to four resources. Enough of them
// lead to higher-numbered processes to keep the system alive; the others lead
// anywhere, so that it is full of cycles. Process p holds resource p; every
// fourth resource has two more holders. The upper tenth is always active. In a
// step one process goes on and another one blocks.
type mix struct {
	rng             *rand.Rand
	n, active       int32
	blocked, others members
	on              []int32
}

func newMix(e engine, live int) stream {
	n := int32(live/2 + 20) // 2.2 waits per blocked process, nine tenths of them blocked
	m := &mix{
		rng: rand.New(rand.NewPCG(2, 1)), n: n, active: n / 10,
		blocked: members{place: make([]int32, n)}, others: members{place: make([]int32, n)},
	}
	for p := range n {
		e.hold(p, p)
		if p%4 == 0 {
			e.hold(p, m.rng.Int32N(n))
			e.hold(p, m.rng.Int32N(n))
		}
		if p < n-m.active {
			m.others.add(p)
		}
	}
	for range m.others.list[n/50:] {
		m.block(e)
	}
	return m
}

func (m *mix) step(e engine) {
	p := m.blocked.any(m.rng)
	e.unblock(p)
	m.block(e)
	m.blocked.remove(p)
	m.others.add(p)
}

func (m *mix) block(e engine) {
	p := m.others.any(m.rng)
	m.others.remove(p)
	m.blocked.add(p)
	of := 1 + m.rng.Int32N(4)
	need := 1 + m.rng.Int32N(of)
	m.on = m.on[:0]
	for range need {
		m.on = append(m.on, p+1+m.rng.Int32N(m.n-p-1))
	}
	for range of - need {
		m.on = append(m.on, m.rng.Int32N(m.n))
	}
	e.block(p, need, m.on)
}

// pools are worker pools with a hundred clients each that wait for any of
// eight workers, and with eight more workers as spares. In a step a worker of
// one pool is replaced, a client goes on and another one comes, and a worker
// of another pool makes a nested call to a third one and returns from the one
// that it made before. The last worker of each pool is always active.
type pools struct {
	rng    *rand.Rand
	count  int32
	spare  []int32 // by pool: the first of the eight workers in a ring of sixteen that is out
	nested members // workers that wait for another pool
}

const (
	poolClients = 100
	poolWorkers = 8
	poolSize    = poolClients + 1 + 2*poolWorkers + 1 // processes: clients, one spare client, the ring, the active worker
)

func newPools(e engine, live int) stream {
	p := &pools{rng: rand.New(rand.NewPCG(3, 1)), count: int32(live/poolClients + 1)}
	p.spare = make([]int32, p.count)
	p.nested.place = make([]int32, p.count*poolSize)
	for pool := range p.count {
		e.hold(pool, p.process(pool, poolSize-1))
		for i := range int32(poolWorkers - 1) {
			e.hold(pool, p.worker(pool, i+poolWorkers))
		}
		for i := range int32(poolClients) {
			e.block(p.process(pool, i), 1, []int32{pool})
		}
	}
	for range p.count {
		p.call(e)
	}
	return p
}

func (p *pools) process(pool, i int32) int32 { return pool*poolSize + i }

func (p *pools) worker(pool, i int32) int32 {
	return p.process(pool, poolClients+1+i%(2*poolWorkers))
}

func (p *pools) step(e engine) {
	p.replace(e)
	client := p.process(p.rng.Int32N(p.count), p.rng.Int32N(poolClients))
	e.unblock(client)
	e.block(client, 1, []int32{p.rng.Int32N(p.count)})
	p.call(e)
	back := p.nested.any(p.rng)
	p.nested.remove(back)
	e.unblock(back)
}

// replace turns the ring of one pool by one worker.
func (p *pools) replace(e engine) {
	pool := p.rng.Int32N(p.count)
	in, out := p.worker(pool, p.spare[pool]), p.worker(pool, p.spare[pool]+poolWorkers)
	e.hold(pool, in)
	e.release(pool, out)
	p.spare[pool] = (p.spare[pool] + 1) % (2 * poolWorkers)
}

func (p *pools) call(e engine) {
	w := p.worker(p.rng.Int32N(p.count), p.rng.Int32N(2*poolWorkers))
	if p.nested.place[w] == 0 {
		p.nested.add(w)
		e.block(w, 1, []int32{p.rng.Int32N(p.count)})
	}
}
