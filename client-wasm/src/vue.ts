// `millrace/vue`: an event stream as a composable.

import { type ConnectOptions, connect } from "millrace";
import { type MaybeRefOrGetter, type ShallowReactive, shallowReactive, toValue, watchEffect } from "vue";
import { type EventSourceState, follow, type UseEventSourceOptions } from "./follow.js";

export type { EventSourceState, UseEventSourceOptions } from "./follow.js";

/** Connects until the scope it is called in ends, and anew when `url` changes; not while that is null. */
export function useEventSource<Data = string>(
  url: MaybeRefOrGetter<string | URL | null | undefined>,
  { onEvent, ...options }: UseEventSourceOptions<Data> = {},
): ShallowReactive<EventSourceState<Data>> {
  const state = shallowReactive<EventSourceState<Data>>({ readyState: 0 });
  watchEffect((onCleanup) => {
    const address = toValue(url);
    Object.assign(state, { event: undefined, readyState: 0, error: undefined });
    if (address == null) return;
    onCleanup(
      follow<Data>(
        connect<Data>(address, options as ConnectOptions<"json"> & { decode: "json" }),
        (event) => onEvent?.(event),
        (change) => Object.assign(state, change),
      ),
    );
  });
  return state;
}
