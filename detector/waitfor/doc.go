// Package waitfor keeps a wait-for graph of processes and resources and knows
// at any time which of its processes are deadlocked.
package waitfor
