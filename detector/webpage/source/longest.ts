// The waits that have lasted longest: the graph for those who cannot see it.
import { type Graph, type Node, type Wait } from './api';

export interface Row {
  process: string;
  kind: string;
  resource: string;
  age: number; // milliseconds
  left?: number; // milliseconds until it gives up
  by: string[]; // who holds it; the first few
  others: number;
  verdict?: string;
}

const most = 25;
const holders = 3;

export function longest(graph: Graph): Row[] {
  const at = Date.parse(graph.at);
  const all: { n: Node; w: Wait; since: number }[] = [];
  for (const n of graph.processes) for (const w of n.waits ?? []) if (w.since) all.push({ n, w, since: Date.parse(w.since) });
  all.sort((a, b) => a.since - b.since);
  return all.slice(0, most).map(({ n, w, since }) => ({
    process: n.process,
    kind: w.kind,
    resource: w.key || w.resource,
    age: at - since,
    ...(w.deadline && { left: Date.parse(w.deadline) - at }),
    by: w.holders.slice(0, holders).map((h) => h.process),
    others: Math.max(0, w.holder_count - holders),
    ...(n.verdict && { verdict: n.verdict }),
  }));
}
