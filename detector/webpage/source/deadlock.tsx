// One deadlock in full.
import type { Deadlock, Process, State } from './api';
import { Link } from './link';
import { deadlockNews, useAnswer } from './live';
import { clock, instant, span } from './time';
import { Timeline } from './timeline';

export function DeadlockView({ id, state }: { id: string; state: State | undefined }) {
  const path = `/api/v1/deadlocks/${encodeURIComponent(id)}`;
  const { answer: d, error } = useAnswer<Deadlock>(path, deadlockNews(state));
  if (error) return <p role="alert">{error.message}</p>;
  if (!d) return <p>Asking for it…</p>;
  return (
    <>
      <p class={`lead ${d.status}`}>{d.summary}</p>
      {d.reason && <p>{d.status === 'retracted' ? 'Retracted' : 'Not confirmed yet'}: {d.reason}</p>}
      {d.cause && <p>It ended by: {d.cause.replaceAll('_', ' ')}.</p>}
      {d.end_unseen && <p>Nobody saw it end: the detector had stopped.</p>}
      {d.contradicted && <p role="alert">A member went on as if it had not been deadlocked: this verdict may have been wrong.</p>}
      <Recurrence deadlock={d} />
      <Timeline deadlock={d} />
      <section>
        <h2 id="who">Who waits for whom</h2>
        <ol>{d.sentences.map((s, i) => <li key={i}>{s}</li>)}</ol>
        {d.edge_count > d.sentences.length && <p>And {d.edge_count - d.sentences.length} more such waits.</p>}
      </section>
      <Members title="Core" members={d.core} count={d.core_count} state={state} />
      <Members title="Blocked behind it" members={d.collateral} count={d.collateral_count} state={state} />
      <section>
        <h2 id="proof">Proof</h2>
        <p>
          {d.unproven ? `There is none: ${d.unproven}. ` : 'It can be checked with nothing else: '}
          {!d.unproven && <code>curl -s {location.origin}{path} | waitgraph verify -</code>}
        </p>
        <p class="downloads">
          <a href={path} download={`deadlock-${d.id}.json`}>Download JSON</a>{' '}
          <a href="/api/v1/graph?format=dot" download="waitgraph.dot">Download the present graph as DOT</a>
        </p>
      </section>
    </>
  );
}

function Recurrence({ deadlock: d }: { deadlock: Deadlock }) {
  const same = <Link href={`/deadlocks?fingerprint=${encodeURIComponent(d.fingerprint)}`}>All of this pattern</Link>;
  const r = d.recurrence;
  if (!r) return <p>{same}</p>;
  if (r.before === 0) return <p>It is the first of its pattern. {same}</p>;
  return (
    <p>
      The same pattern came {r.before === 1 ? 'once' : `${r.before} times`} before
      {r.first && `, first ${clock(r.first)}`}{r.last && r.before > 1 && `, last ${clock(r.last)}`}. {same}
    </p>
  );
}

function Members({ title, members, count, state }: { title: string; members: Process[]; count: number; state: State | undefined }) {
  if (count === 0) return null;
  const id = title.replaceAll(' ', '-');
  return (
    <section>
      <h2 id={id}>{title}</h2>
      <div class="wide" tabIndex={0} role="region" aria-labelledby={id}>
        <table>
          <thead>
            <tr><th scope="col">Process</th><th scope="col">Service</th><th scope="col">Host</th><th scope="col" class="number">Incarnation</th><th scope="col">Waits for</th><th scope="col">Timeout</th><th scope="col">Trace</th></tr>
          </thead>
          <tbody>{members.map((m) => <Member key={`${m.agent} ${m.process} ${m.activation}`} member={m} state={state} />)}</tbody>
        </table>
      </div>
      {count > members.length && <p>{members.length > 0 ? `The first ${members.length} of ${count}.` : `${count} processes; their list was too long to keep.`}</p>}
    </section>
  );
}

function Member({ member: m, state }: { member: Process; state: State | undefined }) {
  const waits = m.waits ?? [];
  return (
    <tr>
      <th scope="row">{m.process}</th>
      <td>{m.service}</td>
      <td>{m.host}</td>
      <td class="number">{m.activation}</td>
      <td>{waits.map((w, i) => <div key={i}>{w.kind} {w.key || w.resource}</div>)}{m.wait_count && <div>{m.wait_count} waits</div>}</td>
      <td>{waits.map((w, i) => <div key={i}>{w.since && w.deadline ? `after ${span(instant(w.deadline) - instant(w.since))}` : w.since ? 'none' : ''}</div>)}</td>
      <td>{waits.map((w, i) => w.trace_id && <div key={i}><Trace id={w.trace_id} url={state?.trace_url} /></div>)}</td>
    </tr>
  );
}

function Trace({ id, url }: { id: string; url: string | undefined }) {
  if (!url) return <code>{id}</code>;
  return <a href={url.replaceAll('{trace}', encodeURIComponent(id))} rel="noreferrer"><code>{id.slice(0, 8)}…</code></a>;
}
