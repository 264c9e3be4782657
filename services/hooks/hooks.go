// Package hooks is how the examples tell what their processes do, as they do it:
// a demo draws it, a test waits for it.
package hooks

// Hooks are called from many goroutines and must return at once. Nil ones are
// skipped, once the Hooks are Filled.
type Hooks struct {
	// Started says that a process is there, perhaps again after a crash.
	Started func(process string)
	// Calling says that a process begins to wait for another, or for what is
	// named. What it returns, if not nil, is called with how that ended. Of a
	// process without a name it is not told.
	Calling func(process, other string) (ended func(error))
	// Crashed says that a process crashed, and why.
	Crashed func(process string, cause error)
}

// Filled returns hooks that can all be called. What Calling returns can be called
// too.
func (h Hooks) Filled() Hooks {
	if h.Started == nil {
		h.Started = func(string) {}
	}
	if h.Crashed == nil {
		h.Crashed = func(string, error) {}
	}
	tell := h.Calling
	h.Calling = func(process, other string) func(error) {
		if tell != nil && process != "" {
			if ended := tell(process, other); ended != nil {
				return ended
			}
		}
		return func(error) {}
	}
	return h
}
