// `millrace/svelte`: an event stream as a store, without a dependency on Svelte.

import type { ConnectOptions, EventsOf, NoOptions, OptionsFor, Unstated, UrlOf } from "millrace";
import { type EventSourceState, follow } from "./follow.js";

export type { EventSourceState } from "./follow.js";

/** Svelte's store contract. */
export interface EventSourceStore<Events = Record<string, string>> {
  /** Calls `run` at once, and at every change, until the returned function is called. */
  subscribe(run: (state: EventSourceState<Events>) => void): () => void;
}

/** Connects while the store has subscribers: shows the newest event, `readyState` and `error`. */
export function eventSourceStore<Events extends object = Unstated, Options extends ConnectOptions = NoOptions>(
  url: UrlOf<Events>,
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
