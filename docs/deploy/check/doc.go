// Package check holds what is deployed against the code: the images, the compose
// file, the systemd unit and the Kubernetes manifests. Whatever they name, a flag,
// a variable, a path, a port, a file, has to exist, and what validates each of
// their kinds finds nothing wrong.
//
// It is a module of its own, so that those who import waitgraph need none of the
// modules that know compose files and manifests.
package check
