// Package poolplay shows package pool: workers that ask their own pool, what saves
// them, what does not, and how it is mended.
package poolplay
