// The wait-for graph, drawn.
import { select } from 'd3-selection';
import { zoom, zoomIdentity, type ZoomBehavior } from 'd3-zoom';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { State } from './api';
import { Link } from './link';
import type { Placed } from './layout';
import { toLogin } from './live';
import type { Row } from './longest';
import { span } from './time';
import type { Answer, Wish } from './worker';

/** The graph is asked for at most so often. */
const pace = 500;

export function GraphView({ state }: { state: State | undefined }) {
  const [answer, setAnswer] = useState<Extract<Answer, { placed: unknown }>>();
  const [trouble, setTrouble] = useState('');
  const [choice, setChoice] = useState<Wish>([]);
  const worker = useRef<Worker>(undefined);
  const asked = useRef(0);

  useEffect(() => {
    const w = new Worker('/assets/worker.js');
    worker.current = w;
    w.addEventListener('message', (e: MessageEvent<Answer>) => {
      if ('placed' in e.data) setAnswer(e.data);
      setTrouble('trouble' in e.data ? e.data.trouble : '');
      if ('trouble' in e.data) toLogin(e.data.status);
    });
    return () => w.terminate();
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => {
      asked.current = Date.now();
      worker.current?.postMessage(choice);
    }, Math.max(0, asked.current + pace - Date.now()));
    return () => clearTimeout(timer);
  }, [state, choice]);

  const turn = useCallback((service: string, folded: boolean) => {
    setChoice((old) => [...old.filter(([s]) => s !== service), [service, folded]]);
  }, []);
  const alert = trouble && <p role="alert">The graph cannot be shown as it is now: {trouble}</p>;
  if (!answer) return alert || <p>Asking for the graph…</p>;
  const { placed, longest } = answer;
  return (
    <>
      {alert}
      {placed.boxes.length > 0 ? <Canvas placed={placed} turn={turn} /> : <p class="nothing">Nobody waits for anybody.</p>}
      <Services placed={placed} turn={turn} />
      <Longest rows={longest} />
    </>
  );
}

type Turn = (service: string, folded: boolean) => void;

function Canvas({ placed, turn }: { placed: Placed; turn: Turn }) {
  const svg = useRef<SVGSVGElement>(null);
  const inside = useRef<SVGGElement>(null);
  const zoomed = useRef<ZoomBehavior<SVGSVGElement, unknown>>(undefined);
  const byHand = useRef(false);

  const fit = useCallback(() => {
    if (!svg.current || !zoomed.current) return;
    const { width, height } = svg.current.getBoundingClientRect();
    const k = Math.min(1.2, width / placed.width, height / placed.height);
    const to = zoomIdentity.translate((width - k * placed.width) / 2, (height - k * placed.height) / 2).scale(k);
    select(svg.current).call(zoomed.current.transform, to);
    byHand.current = false;
  }, [placed.width, placed.height]);
  useEffect(() => {
    if (!svg.current) return;
    zoomed.current = zoom<SVGSVGElement, unknown>()
      .scaleExtent([0.02, 4])
      .on('zoom', (e) => {
        inside.current?.setAttribute('transform', String(e.transform));
        byHand.current ||= Boolean(e.sourceEvent);
      });
    select(svg.current).call(zoomed.current).on('dblclick.zoom', null);
  }, []);
  useEffect(() => {
    if (!byHand.current) fit();
  }, [fit]);

  const scale = (by: number) => {
    if (svg.current && zoomed.current) select(svg.current).call(zoomed.current.scaleBy, by);
    byHand.current = true;
  };
  const move = (x: number, y: number) => {
    if (svg.current && zoomed.current) select(svg.current).call(zoomed.current.translateBy, x, y);
    byHand.current = true;
  };
  const keys: Record<string, () => void> = {
    '+': () => scale(1.3), '=': () => scale(1.3), '-': () => scale(1 / 1.3), '0': fit,
    ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0), ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
  };
  const press = (e: KeyboardEvent) => {
    const act = e.ctrlKey || e.metaKey || e.altKey ? undefined : keys[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  };
  return (
    <div class="canvas" onKeyDown={press}>
      <div class="tools" role="group" aria-label="Zoom">
        <button type="button" onClick={() => scale(1.3)} aria-label="Zoom in">+</button>
        <button type="button" onClick={() => scale(1 / 1.3)} aria-label="Zoom out">−</button>
        <button type="button" onClick={fit}>Fit</button>
      </div>
      <svg ref={svg} role="group" aria-label={inWords(placed)} tabindex={0}>
        <defs>
          {['core', 'stuck', 'young', 'aging', 'old'].map((s) => (
            <marker key={s} id={`head-${s}`} class={s} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <path d="M0 0L8 4L0 8z" />
            </marker>
          ))}
        </defs>
        <g ref={inside}>
          {placed.clusters.map((c) => (
            <g key={c.name} class="cluster">
              <rect x={c.x - c.width / 2} y={c.y - c.height / 2} width={c.width} height={c.height} rx="10" />
              <text x={c.x - c.width / 2 + 8} y={c.y - c.height / 2 - 4}>{cut(c.name)}</text>
            </g>
          ))}
          {placed.arrows.map((a) => (
            <g key={`${a.from} ${a.to}`} class={`arrow ${kindOf(a)}`}>
              <path d={a.path} marker-end={`url(#head-${kindOf(a)})`} />
              <text x={a.x} y={a.y - 5}>{`${a.label}, ${span(a.age)}`}</text>
            </g>
          ))}
          {placed.boxes.map((b) => <BoxView key={b.id} box={b} turn={turn} />)}
        </g>
      </svg>
      <Legend />
    </div>
  );
}

function BoxView({ box: b, turn }: { box: Placed['boxes'][number]; turn: Turn }) {
  const folded = b.id.startsWith('service ');
  const words = `${folded ? 'Unfold ' : ''}${b.label} ${b.detail}, ${inState[b.state]}`;
  const shape = (
    <g class={`box ${b.state}${folded ? ' folded' : ''}`} transform={`translate(${b.x - b.width / 2} ${b.y - b.height / 2})`}>
      <title>{words}</title>
      <rect width={b.width} height={b.height} rx="6" />
      <text x={b.width / 2} y="20" class="label">{cut(b.label)}</text>
      {b.detail && <text x={b.width / 2} y="36" class="detail">{cut(b.detail)}</text>}
    </g>
  );
  if (folded) {
    const open = () => turn(b.service, false);
    const press = (e: KeyboardEvent) => {
      if (e.key !== 'Enter' && e.key !== ' ') return;
      e.preventDefault();
      open();
    };
    return <g role="button" tabindex={0} onClick={open} onKeyDown={press}>{shape}</g>;
  }
  if (b.verdict) return <Link href={`/deadlocks/${encodeURIComponent(b.verdict)}`}>{shape}</Link>;
  return shape;
}

const inState = { core: 'in the core of a deadlock', stuck: 'blocked behind a deadlock', blocked: 'blocked', free: 'not blocked' };

/** Arrows show of a wait that it is part of a deadlock, or else how long it has lasted. */
function kindOf(a: Placed['arrows'][number]): string {
  if (a.state !== 'blocked') return a.state;
  return a.age < 1000 ? 'young' : a.age < 5000 ? 'aging' : 'old';
}

const cut = (s: string): string => (s.length > 34 ? `${s.slice(0, 33)}…` : s);

function inWords(p: Placed): string {
  const waits = p.arrows.reduce((n, a) => n + a.waits, 0);
  const core = p.boxes.filter((b) => b.state === 'core').length;
  return `Wait-for graph: ${p.boxes.length} boxes and ${waits} waits${core ? `; ${core} are in the core of a deadlock` : ''}. Arrow keys move it, plus and minus zoom.`;
}

function Legend() {
  return (
    <ul class="legend">
      <li class="core">core of a deadlock</li>
      <li class="stuck">blocked behind it</li>
      <li class="blocked">blocked</li>
      <li class="free">not blocked</li>
      <li class="line young">waits for less than 1 s</li>
      <li class="line aging">1 to 5 s</li>
      <li class="line old">longer</li>
    </ul>
  );
}

function Services({ placed, turn }: { placed: Placed; turn: Turn }) {
  if (placed.services.length === 0) return null;
  return (
    <section>
      <h2 id="services">Services</h2>
      {placed.hidden > 0 && <p>{placed.hidden.toLocaleString()} processes are folded into their services.</p>}
      <div class="wide" tabIndex={0} role="region" aria-labelledby="services">
        <table>
          <thead><tr><th scope="col">Service</th><th scope="col" class="number">Processes</th><th scope="col" class="number">Blocked</th><th scope="col">In the graph</th></tr></thead>
          <tbody>
            {placed.services.slice(0, 200).map((s) => (
              <tr key={s.name}>
                <th scope="row">{s.name}</th>
                <td class="number">{s.processes.toLocaleString()}</td>
                <td class="number">{s.blocked.toLocaleString()}</td>
                <td><button type="button" aria-label={`${s.folded ? 'Unfold' : 'Fold'} ${s.name}`} onClick={() => turn(s.name, !s.folded)}>{s.folded ? 'Unfold' : 'Fold'}</button></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Longest({ rows }: { rows: Row[] }) {
  if (rows.length === 0) return null;
  return (
    <section>
      <h2 id="longest">The longest waits</h2>
      <div class="wide" tabIndex={0} role="region" aria-labelledby="longest">
        <table>
          <thead><tr><th scope="col">Process</th><th scope="col">waits for</th><th scope="col">held by</th><th scope="col" class="number">for</th><th scope="col" class="number">gives up in</th></tr></thead>
          <tbody>
            {rows.map((r, i) => (
              <tr key={i} class={r.verdict ? 'core' : ''}>
                <th scope="row">{r.verdict ? <Link href={`/deadlocks/${encodeURIComponent(r.verdict)}`}>{r.process}</Link> : r.process}</th>
                <td>{r.kind} {r.resource}</td>
                <td>{r.by.join(', ') || 'nobody known'}{r.others > 0 && ` and ${r.others} more`}</td>
                <td class="number">{span(r.age)}</td>
                <td class="number">{r.left === undefined ? 'never' : span(Math.max(0, r.left))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
