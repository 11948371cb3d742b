// `millrace/svelte`: an event stream as a store, which needs nothing of Svelte's.

import type { ConnectOptions, EventsOf, NoOptions, OptionsFor, Unstated } from "millrace";
import { type EventSourceState, follow } from "./follow.js";

export type { EventSourceState } from "./follow.js";

/** Svelte's contract of stores, which RxJS's users know, too. */
export interface EventSourceStore<Events = Record<string, string>> {
  /** Calls `run` at once, and whenever something changes, until the function returned is called. */
  subscribe(run: (state: EventSourceState<Events>) => void): () => void;
}

/** Connects while somebody subscribes: the newest event, `readyState`, and what has ended it. */
export function eventSourceStore<Events extends object = Unstated, Options extends ConnectOptions = NoOptions>(
  url: string | URL,
  ...[options]: OptionsFor<Events, Options>
): EventSourceStore<EventsOf<Events, Options>> {
  type State = EventSourceState<EventsOf<Events, Options>>;
  const runs = new Set<{ run(state: State): void }>();
  let state: State;
  let leave: (() => void) | undefined;
  return {
    subscribe(run) {
      const subscriber = { run };
      runs.add(subscriber);
      if (!leave) {
        state = { readyState: 0 };
        const nothing = () => {};
        leave = follow(url, options as ConnectOptions, nothing, (change) => {
          state = { ...state, ...(change as State) };
          for (const { run } of runs) run(state);
        });
      }
      run(state);
      return () => {
        if (!runs.delete(subscriber) || runs.size > 0) return;
        leave?.();
        leave = undefined;
      };
    },
  };
}
