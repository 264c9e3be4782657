// Where boxes and arrows lie: in layers, by dagre, or in a grid where they are too
// many for that, or the layers too many to be read. Each service is a cluster.
import dagre from '@dagrejs/dagre';
import type { Arrow, Box, Picture } from './fold';

/** A rectangle by its centre. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Line {
  path: string;
  x: number; // of its label, and y
  y: number;
}

interface Geometry {
  width: number;
  height: number;
  boxes: Rect[]; // in the order of the picture's, as are the arrows
  arrows: Line[];
  clusters: (Rect & { name: string })[];
}

export interface Placed extends Omit<Picture, 'boxes' | 'arrows'>, Pick<Geometry, 'width' | 'height' | 'clusters'> {
  boxes: (Box & Rect)[];
  arrows: (Arrow & Line)[];
}

const pixelsPerLetter = 7.4;
const margin = 16;

/** What dagre lays out in a fraction of a second, however it is connected. */
const layered = { boxes: 60, arrows: 120 };

/** Layers wider than this, in pixels, would have to be made too small to read. */
const legible = 2400;

let last: { shape: string; geometry: Geometry } | undefined;

/** Lays the picture out; one of the same shape as the last stays where it was. */
export function layout(p: Picture): Placed {
  const shape = JSON.stringify([p.boxes.map((b) => [b.id, b.label, b.detail.length]), p.arrows.map((a) => [a.from, a.to, a.label.length])]);
  if (last?.shape !== shape) {
    const few = p.boxes.length <= layered.boxes && p.arrows.length <= layered.arrows;
    const layers = few ? inLayers(p) : undefined;
    last = { shape, geometry: layers && layers.width <= legible ? layers : inGrid(p) };
  }
  const { boxes, arrows, ...rest } = last.geometry;
  return {
    ...p,
    ...rest,
    boxes: p.boxes.map((b, i) => ({ ...b, ...(boxes[i] as Rect) })),
    arrows: p.arrows.map((a, i) => ({ ...a, ...(arrows[i] as Line) })),
  };
}

function inLayers(p: Picture): Geometry {
  const g = new dagre.graphlib.Graph({ compound: true });
  g.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 40, marginx: margin, marginy: margin });
  for (const b of p.boxes) g.setNode(b.id, sizeOf(b));
  const clusters = [...Map.groupBy(p.boxes, (b) => b.service)].filter(([, of]) => of.length > 1);
  for (const [name, of] of clusters) {
    g.setNode(`cluster ${name}`, {});
    for (const b of of) g.setParent(b.id, `cluster ${name}`);
  }
  for (const a of p.arrows) g.setEdge(a.from, a.to, { width: pixelsPerLetter * a.label.length + 60, height: 14, labelpos: 'c' });
  dagre.layout(g);
  const whole = g.graph() as { width?: number; height?: number };
  return {
    width: whole.width ?? 0,
    height: whole.height ?? 0,
    boxes: p.boxes.map((b) => rect(g.node(b.id))),
    clusters: clusters.map(([name]) => ({ name, ...rect(g.node(`cluster ${name}`)) })),
    arrows: p.arrows.map((a) => {
      const e = g.edge(a.from, a.to) as Point & { points: Point[] };
      return { path: curve(e.points), x: e.x, y: e.y };
    }),
  };
}

/** Services beside each other as long as they fit, and in each its boxes row by row. */
function inGrid(p: Picture): Geometry {
  const gap = p.boxes.length <= layered.boxes ? 90 : 24; // room for what arrows say
  const row = 70;
  const wide = (180 + gap) * Math.ceil(Math.sqrt(p.boxes.length * 1.2));
  const at = new Map<string, Rect>();
  const clusters: Geometry['clusters'] = [];
  let [x, y, lowest, width] = [margin, margin, 0, 0];
  for (const [name, boxes] of Map.groupBy(p.boxes, (b) => b.service)) {
    const cell = Math.max(...boxes.map((b) => sizeOf(b).width)) + gap;
    const columns = Math.max(1, Math.min(boxes.length, Math.floor(wide / cell), Math.ceil(Math.sqrt(boxes.length))));
    const c = { width: columns * cell + gap, height: Math.ceil(boxes.length / columns) * row + gap };
    if (x > margin && x + c.width > wide) [x, y, lowest] = [margin, lowest, 0];
    boxes.forEach((b, i) => {
      const [column, line] = [i % columns, Math.floor(i / columns)];
      at.set(b.id, { ...sizeOf(b), x: x + gap / 2 + (column + 0.5) * cell, y: y + gap / 2 + (line + 0.5) * row });
    });
    if (boxes.length > 1) clusters.push({ name, x: x + c.width / 2, y: y + c.height / 2, ...c });
    x += c.width + gap;
    width = Math.max(width, x);
    lowest = Math.max(lowest, y + c.height + gap);
  }
  const arrows = p.arrows.map((a) => line(at.get(a.from) as Rect, at.get(a.to) as Rect));
  return { width, height: lowest, boxes: p.boxes.map((b) => at.get(b.id) as Rect), clusters, arrows };
}

interface Point {
  x: number;
  y: number;
}

const point = (p: Point): string => `${p.x.toFixed(1)} ${p.y.toFixed(1)}`;

/** From edge to edge of two boxes; of a box to itself, a loop above it. */
function line(a: Rect, b: Rect): Line {
  if (a === b) return { path: `M${point({ x: a.x - 12, y: a.y - a.height / 2 })}q12 -24 24 0`, x: a.x, y: a.y - a.height };
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const share = (r: Rect) => Math.min(r.width / 2 / Math.abs(dx || 1e-9), r.height / 2 / Math.abs(dy || 1e-9), 0.5);
  const from = { x: a.x + dx * share(a), y: a.y + dy * share(a) };
  const to = { x: b.x - dx * share(b), y: b.y - dy * share(b) };
  return { path: `M${point(from)}L${point(to)}`, x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
}

/** A curve through the points: quadratic from the middle of one stretch to that of the next. */
function curve([first, ...rest]: Point[]): string {
  if (!first) return '';
  let path = `M${point(first)}`;
  rest.forEach((p, i) => {
    const next = rest[i + 1];
    if (!next) path += `L${point(p)}`;
    else path += `Q${point(p)} ${point({ x: (p.x + next.x) / 2, y: (p.y + next.y) / 2 })}`;
  });
  return path;
}

function sizeOf(b: Box): { width: number; height: number } {
  return { width: 24 + pixelsPerLetter * Math.min(34, Math.max(b.label.length, b.detail.length)), height: b.detail ? 46 : 32 };
}

function rect(n: unknown): Rect {
  const { x, y, width, height } = n as Rect;
  return { x, y, width, height };
}
