import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Deadlocks, State } from './api';
import { DeadlockView } from './deadlock';
import { DeadlocksView, List } from './deadlocks';
import { GraphView } from './graph';
import { Link, useAddress } from './link';
import { deadlockNews, type Live, useAnswer, useLive } from './live';

function Page() {
  const address = useAddress();
  const live = useLive();
  const { state } = live;
  const [, first, id] = address.pathname.split('/');
  const title = first !== 'deadlocks' ? 'Who waits for whom' : id ? 'A deadlock' : 'Deadlocks';
  const heading = useRef<HTMLHeadingElement>(null);
  const arrived = useRef(false);
  useEffect(() => {
    document.title = `${state?.standing ? `(${state.standing}) ` : ''}${title} – waitgraph`;
  }, [title, state?.standing]);
  useEffect(() => {
    if (arrived.current) heading.current?.focus(); // tells a screen reader where it is now
    arrived.current = true;
  }, [address.pathname]);
  return (
    <>
      <a class="skip" href="#content">Skip to the content</a>
      <header>
        <strong>waitgraph</strong>
        <nav aria-label="Views">
          <Link href="/" aria-current={first === '' ? 'page' : undefined}>Graph</Link>
          <Link href="/deadlocks" aria-current={first === 'deadlocks' && !id ? 'page' : undefined}>Deadlocks</Link>
        </nav>
        <Condition live={live} />
      </header>
      <main id="content">
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {first !== 'deadlocks' ? <Now state={state} /> : id ? <DeadlockView id={decodeURIComponent(id)} state={state} /> : <DeadlocksView address={address} state={state} />}
      </main>
    </>
  );
}

function Now({ state }: { state: State | undefined }) {
  const { answer } = useAnswer<Deadlocks>('/api/v1/deadlocks?limit=1', deadlockNews(state));
  return (
    <>
      {answer && answer.standing.length > 0 && <List title="Standing deadlocks" deadlocks={answer.standing.slice(0, 20)} none="" />}
      <GraphView state={state} />
    </>
  );
}

/** What the detector can vouch for at present. */
function Condition({ live }: { live: Live }) {
  const [kind, words] = condition(live);
  return (
    <p class="condition" role="status">
      <span class={`dot ${kind}`} aria-hidden="true" /> {words}
    </p>
  );
}

function condition({ link, state }: Live): [kind: string, words: string] {
  if (link === 'connecting') return ['off', state ? 'Connecting again… what is shown is old' : 'Connecting…'];
  if (link === 'silent' || !state) return ['off', 'The detector has gone silent; what is shown is old'];
  if (!state.ready) return ['unsure', `Not sure of anything: ${state.reason}`];
  if (state.confirmed > 0) return ['bad', count(state.confirmed, 'deadlock stands', 'deadlocks stand')];
  if (state.standing > 0) return ['unsure', count(state.standing, 'deadlock is suspected', 'deadlocks are suspected')];
  if (state.agents === 0) return ['unsure', 'No agent reports, so nothing can be known'];
  if (state.silent > 0) return ['unsure', `${count(state.silent, 'agent has', 'agents have')} fallen silent: nobody knows what became of its processes`];
  return ['good', `Nothing wrong: ${count(state.processes, 'process waits', 'processes wait')}, ${count(state.agents, 'agent reports', 'agents report')}`];
}

const count = (n: number, one: string, many: string): string => `${n.toLocaleString()} ${n === 1 ? one : many}`;

render(<Page />, document.body);
