package simulation

import "math/rand/v2"

// Run plays the world that a seed makes and returns its score.
func Run(seed uint64, opt Options) Score { return run(seed, opt, newDetector) }

func run(seed uint64, opt Options, found func() observer) Score {
	w := &world{opt: opt, rng: rand.New(rand.NewPCG(seed, 0)), now: begin}
	w.score.Seed = seed
	w.populate()
	w.truth = newTruth(w)
	w.net = &network{w: w, found: found}
	w.net.start()
	for _, h := range w.hosts {
		h.boot()
	}
	w.watch = newWatch(w)
	w.watch.listen()
	w.run()
	return w.score
}
