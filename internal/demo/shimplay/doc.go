// Package shimplay shows package shim: a deadlock through a bounded buffer that was
// taken for a slow reader, how load brings it about now and then, and the fix.
package shimplay
