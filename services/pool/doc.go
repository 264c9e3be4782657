// Package pool is a service whose workers ask their own pool, which is how worker
// pools over a message broker come to hang.
//
// A request says how deep it goes. A worker answers depth 0 at once; for depth n it
// asks the pool for depth n-1, waits, and adds 1. So while it waits it occupies a
// worker, and what it waits for needs another.
//
//	              ┌──▶ worker@1 ──┐
//	caller ──▶ [pool.work]        ├── asks for n-1 ──▶ [pool.work]
//	              └──▶ worker@2 ──┘
//
// With k workers, k requests at a time that go deeper occupy all of them, and the
// requests that they wait for lie in the queue: nobody is left to take them up. One
// worker that is busy and comes back is enough to save all, and so is one that is
// added. No number of workers is enough for good, except one for each request at a
// time and depth.
//
// # Forms
//
// A pool is one of three things, which hang alike and are seen alike:
//
//	Consumers   so many processes that compete for the queue, one request each
//	Goroutines  one server that handles so many requests at a time
//	Semaphore   one server that takes up all requests, so many of which may work
//
// With a semaphore, what a worker waits for does not lie in the queue but waits for
// a permit, and a replica that is added cannot take it up any more.
//
// # The fix
//
// Layered gives the requests of each depth a queue and workers of their own, so
// that a worker only ever waits for workers of the next lower depth, and those of
// depth 0 wait for nobody.
package pool
