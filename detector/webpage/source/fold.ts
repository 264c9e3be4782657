// The graph as it is drawn: services are folded into one box each as long as
// their processes would be too many to read.
import { type Graph, keyOf, type Node } from './api';

export interface Box {
  id: string;
  service: string;
  label: string;
  detail: string;
  processes: number; // 1 unless it is a folded service
  state: 'core' | 'stuck' | 'blocked' | 'free';
  verdict?: string;
}

export interface Arrow {
  from: string;
  to: string;
  waits: number;
  age: number; // of the oldest wait, in milliseconds
  state: 'core' | 'stuck' | 'blocked';
  label: string;
}

export interface Picture {
  at: string;
  boxes: Box[];
  arrows: Arrow[];
  services: { name: string; processes: number; blocked: number; folded: boolean }[];
  hidden: number; // processes in folded boxes
}

/** As many processes can be read in one picture. */
export const readable = 60;

/** As many are drawn at most, whatever is unfolded. */
const drawable = 300;

export const serviceOf = (n: { service?: string; agent: string }): string => n.service || n.agent;

type Choice = ReadonlyMap<string, boolean>; // services that were folded (true) or unfolded by hand

/** Folds the graph. Members of a deadlock's core are shown as long as that can be read. */
export function fold(graph: Graph, choice: Choice): Picture {
  const known = new Map<string, Node>();
  for (const n of graph.processes) known.set(keyOf(n), n);
  const groups = Map.groupBy(graph.processes, serviceOf);
  const folded = foldedServices(groups, choice);
  const cores = graph.processes.filter((n) => n.verdict).length <= readable;

  const boxOf = (key: string): string => {
    const n = known.get(key);
    if (!n) return key;
    return folded.has(serviceOf(n)) && !(cores && n.verdict) ? `service ${serviceOf(n)}` : key;
  };
  const boxes = new Map<string, Box>();
  for (const n of graph.processes) add(boxes, boxOf(keyOf(n)), n);
  const arrows = arrowsOf(graph, known, boxes, boxOf);
  let hidden = 0;
  for (const b of boxes.values()) if (b.id.startsWith('service ')) hidden += b.processes;
  const services = [...groups].map(([name, all]) => ({
    name,
    processes: all.length,
    blocked: all.filter((n) => n.waits?.length).length,
    folded: folded.has(name),
  }));
  services.sort((a, b) => b.blocked - a.blocked || a.name.localeCompare(b.name));
  return { at: graph.at, boxes: [...boxes.values()], arrows, services, hidden };
}

function foldedServices(groups: Map<string, Node[]>, choice: Choice): Set<string> {
  const folded = new Set<string>();
  const bySize = [...groups].sort((a, b) => a[1].length - b[1].length);
  let shown = 0;
  for (const [name, all] of bySize) {
    const limit = choice.get(name) === false ? drawable : readable;
    if (choice.get(name) || shown + all.length > limit) folded.add(name);
    else shown += all.length;
  }
  return folded;
}

function stateOf(n: Node): Box['state'] {
  if (n.verdict) return 'core';
  if (n.deadlocked) return 'stuck';
  return n.waits?.length ? 'blocked' : 'free';
}

const gravity = { core: 3, stuck: 2, blocked: 1, free: 0 };

function add(boxes: Map<string, Box>, id: string, n: Node): void {
  const state = stateOf(n);
  const box = boxes.get(id);
  if (!box) {
    const whole = id.startsWith('service ');
    boxes.set(id, {
      id,
      service: serviceOf(n),
      label: whole ? serviceOf(n) : n.process,
      detail: whole ? '1 process' : (n.host ?? ''),
      processes: 1,
      state,
      ...(n.verdict && { verdict: n.verdict }),
    });
    return;
  }
  box.processes++;
  box.detail = `${box.processes} processes`;
  if (gravity[state] > gravity[box.state]) box.state = state;
  if (n.verdict) box.verdict = n.verdict;
}

function arrowsOf(graph: Graph, known: Map<string, Node>, boxes: Map<string, Box>, boxOf: (key: string) => string): Arrow[] {
  const at = Date.parse(graph.at);
  const arrows = new Map<string, Arrow>();
  for (const n of graph.processes) {
    const from = boxOf(keyOf(n));
    for (const w of n.waits ?? []) {
      const age = w.since ? at - Date.parse(w.since) : 0;
      for (const h of w.holders) {
        const key = keyOf(h);
        const to = boxOf(key);
        if (!boxes.has(to)) continue;
        const other = known.get(key);
        const state = n.verdict && other?.verdict === n.verdict ? 'core' : n.deadlocked ? 'stuck' : 'blocked';
        const id = JSON.stringify([from, to]);
        const arrow = arrows.get(id);
        if (!arrow) {
          arrows.set(id, { from, to, waits: 1, age, state, label: w.kind });
          continue;
        }
        arrow.waits++;
        arrow.label = `${arrow.waits} waits`;
        arrow.age = Math.max(arrow.age, age);
        if (gravity[state] > gravity[arrow.state]) arrow.state = state;
      }
    }
  }
  return [...arrows.values()].sort((a, b) => gravity[a.state] - gravity[b.state]); // the core is drawn last, on top
}
