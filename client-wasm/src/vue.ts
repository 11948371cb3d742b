// `millrace/vue`: an event stream as a composable.

import type { ConnectOptions, EventOf, EventsOf, NoOptions, Unstated, UrlOf } from "millrace";
import { type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue, watchEffect } from "vue";
import { type AnyState, follow, type HookOptions, type HookOptionsFor, type OnEvent } from "./follow.js";

export type { HookBase, HookOptions, HookOptionsFor, OnEvent } from "./follow.js";

/** Refs, which stay reactive when the object is destructured. */
export interface EventSourceRefs<Events = Record<string, string>> {
  /** The newest event; undefined before the first. */
  readonly event: Readonly<ShallowRef<EventOf<Events> | undefined>>;
  /** 0 connecting, 1 open, 2 closed: as in EventSource. */
  readonly readyState: Readonly<ShallowRef<number>>;
  /** Why the connection has ended for good: a ConnectionError, or the error of an invalid option. */
  readonly error: Readonly<ShallowRef<unknown>>;
}

/**
 * Connects until the calling scope ends, again when `url` changes, and not while `url` is null. The options are read
 * once: pass a function, such as `headers`, for values that change.
 */
export function useEventSource<Events extends object = Unstated, Options extends HookOptions = NoOptions>(
  url: MaybeRefOrGetter<UrlOf<Events> | null | undefined>,
  ...[options]: HookOptionsFor<Events, Options>
): EventSourceRefs<EventsOf<Events, Options>> {
  type Map = EventsOf<Events, Options>;
  const { onEvent, ...asked } = (options ?? {}) as ConnectOptions & OnEvent<Map>;
  const event = shallowRef<EventOf<Map>>();
  const readyState = shallowRef(0);
  const error = shallowRef<unknown>();
  const show = (state: AnyState) => {
    event.value = (state.event ?? event.value) as EventOf<Map> | undefined;
    readyState.value = state.readyState;
    error.value = state.error;
  };
  watchEffect((onCleanup) => {
    event.value = undefined;
    const address = toValue(url);
    readyState.value = 0;
    error.value = undefined;
    if (address != null) onCleanup(follow(address, asked, (event) => onEvent?.(event as EventOf<Map>), show));
  });
  return { event, readyState, error };
}
