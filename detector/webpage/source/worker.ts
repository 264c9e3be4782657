// The worker asks for the graph, folds it and lays it out, so that however large
// it is the page stays quick to the touch.
import { ask, type Graph, Refused } from './api';
import { fold } from './fold';
import { layout, type Placed } from './layout';
import { longest, type Row } from './longest';

/** What the page wants: the graph as it is now, with these services folded or not. */
export type Wish = [service: string, folded: boolean][];

export type Answer = { placed: Placed; longest: Row[] } | { trouble: string; status?: number };

let wish: Wish | undefined;
let busy = false;

addEventListener('message', (e: MessageEvent<Wish>) => {
  wish = e.data;
  if (!busy) void work();
});

/** Fulfils wishes until there are none; those that come meanwhile are one. */
async function work(): Promise<void> {
  busy = true;
  while (wish) {
    const choice = new Map(wish);
    wish = undefined;
    postMessage(await draw(choice));
  }
  busy = false;
}

async function draw(choice: Map<string, boolean>): Promise<Answer> {
  try {
    const graph = await ask<Graph>('/api/v1/graph');
    return { placed: layout(fold(graph, choice)), longest: longest(graph) };
  } catch (e) {
    const trouble = e instanceof Error ? e.message : String(e);
    return e instanceof Refused ? { trouble, status: e.status } : { trouble };
  }
}
