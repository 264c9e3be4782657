// When each wait of the core began, when the deadlock was seen, and when it
// would have crashed its first victim.
import type { Deadlock } from './api';
import { instant, span } from './time';

const width = 720;
const left = 190;
const row = 24;
const most = 30;

interface Mark {
  at: number;
  name: string;
  kind: string;
}

export function Timeline({ deadlock: d }: { deadlock: Deadlock }) {
  const bars = d.core.slice(0, most).flatMap((m) => {
    const begun = (m.waits ?? []).flatMap((w) => (w.since ? [instant(w.since)] : []));
    return begun.length ? [{ process: m.process, from: Math.min(...begun) }] : [];
  });
  if (bars.length === 0) return null;
  const marks = marksOf(d);
  const from = Math.min(...bars.map((b) => b.from));
  const until = d.ended_at ? instant(d.ended_at) : instant(d.at);
  const to = Math.max(until, ...marks.map((m) => m.at)) + 1;
  const x = (at: number) => left + ((at - from) / (to - from)) * (width - left - 70);
  const height = row * bars.length + 20 + 18 * marks.length;
  return (
    <section>
      <h2 id="timeline">Timeline</h2>
      <div class="wide" tabIndex={0} role="region" aria-labelledby="timeline">
        <svg class="timeline" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={marks.map((m) => `${m.name} after ${span(m.at - from)}`).join(', ')}>
          {bars.map((b, i) => (
            <g key={i}>
              <text x={left - 8} y={row * i + 17} class="name">{b.process.length > 26 ? `${b.process.slice(0, 25)}…` : b.process}</text>
              <rect x={x(b.from)} y={row * i + 5} width={Math.max(2, x(until) - x(b.from))} height={row - 8} rx="3" class="wait" />
            </g>
          ))}
          {marks.map((m, i) => {
            const y = row * bars.length + 22 + 18 * i;
            return (
              <g key={m.name} class={`mark ${m.kind}`}>
                <line x1={x(m.at)} x2={x(m.at)} y1="0" y2={y - 8} />
                <text x={x(m.at)} y={y + 4} class={x(m.at) > width / 2 ? 'before' : 'after'}>{m.name}, {span(m.at - from)}</text>
              </g>
            );
          })}
        </svg>
      </div>
    </section>
  );
}

function marksOf(d: Deadlock): Mark[] {
  const all: [string | undefined, string, string][] = [
    [d.since, 'closed', 'closed'],
    [d.suspected_at, 'suspected', 'suspected'],
    [d.confirmed_at, 'confirmed', 'confirmed'],
    [d.first_timeout, 'first timeout', 'timeout'],
    [d.ended_at, d.status, 'ended'],
  ];
  return all.flatMap(([at, name, kind]) => (at ? [{ at: instant(at), name, kind }] : []));
}
