// `millrace/react`: an event stream as a hook.

import { type ConnectOptions, connect } from "millrace";
import { useEffect, useRef, useState } from "react";
import { type EventSourceState, follow, type UseEventSourceOptions } from "./follow.js";

export type { EventSourceState, UseEventSourceOptions } from "./follow.js";

/**
 * Connects while the component is mounted and `url` is not null, and anew when `url` or the options change, functions among
 * them aside: of those the newest are called.
 */
export function useEventSource<Data = string>(
  url: string | URL | null | undefined,
  { onEvent, ...options }: UseEventSourceOptions<Data> = {},
): EventSourceState<Data> {
  const [state, setState] = useState<EventSourceState<Data>>({ readyState: 0 });
  const newest = useRef(onEvent);
  useEffect(() => {
    newest.current = onEvent;
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: options are compared by what they say
  useEffect(() => {
    setState({ readyState: 0 });
    if (url == null) return;
    return follow<Data>(
      connect<Data>(url, options as ConnectOptions<"json"> & { decode: "json" }),
      (event) => newest.current?.(event),
      (change) => setState((before) => ({ ...before, ...change })),
    );
  }, [JSON.stringify([url, options])]);
  return state;
}
