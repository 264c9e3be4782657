package report

import "hash/fnv"

// Digest summarizes a set of reported states. Equal sets have equal digests
// whatever the order in which the states were added.
type Digest struct {
	Count uint64
	Sum   uint64
}

// Add adds the report identified by key, epoch and seq to the set.
func (d *Digest) Add(k Key, epoch, seq uint64) {
	d.Count++
	d.Sum += entry(k, epoch, seq)
}

// Remove undoes Add.
func (d *Digest) Remove(k Key, epoch, seq uint64) {
	d.Count--
	d.Sum -= entry(k, epoch, seq)
}

// entry leaves out the agent: a digest is always of one agent's states. FNV-1a
// alone would not do: it changes little where an epoch does, and when two processes
// go on, as when one hands the other a lock, their changes can cancel out in Sum.
func entry(k Key, epoch, seq uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(k.Process))
	var b [24]byte
	for i, v := range [...]uint64{k.Activation, epoch, seq} {
		for j := range 8 {
			b[8*i+j] = byte(v >> (8 * j))
		}
	}
	h.Write(b[:])
	return mixed(h.Sum64())
}

// mixed makes every bit of a hash hang on every other: the finalizer of MurmurHash3
// (Appleby 2011).
func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
