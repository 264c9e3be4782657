// Package browser has no code but its tests: the page of waitgraph run, looked
// at and used in a real Chromium.
package browser
