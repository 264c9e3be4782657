// Package layering holds the import law of this module and the test that
// enforces it. It has no code of its own.
//
// The law is policy.txt: one directive a line, # begins a comment.
//
//	this    PATH                        the module's own path
//	lines   N                           no Go file is longer
//	names   NAME...                     no package and no folder is called so
//	never   PATTERN... imports PATTERN... [but PATTERN...]
//	std     PATH...                     what pure packages may import of the standard library
//	uses    PATH.NAME...                what they may not use of it all the same
//	pure    PACKAGE: IMPORTS | IMPORTS  a package of the pure core
//	shell   PACKAGE: IMPORTS | IMPORTS  any other package
//	module  PATH: PATTERN... | PATTERN...
//
// A package may import what stands before the bar; its tests may import what
// stands behind it besides. In the same way a module of others may be imported
// by the packages before the bar and by the tests of those behind it; of two
// modules that contain an import, the one with the longer path counts.
// A pattern is a package's path within this module, x/... for x and all below
// it, or ... for all. A never holds across any number of imports, whatever the
// lines of packages allow, for code other than tests.
//
// Each package has its line and each line its package. A pure package imports
// pure packages only, starts no goroutine and knows no channel. Build tags are
// ignored: a file that is not built today obeys as well.
package layering
