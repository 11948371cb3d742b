"use client";
// `millrace/react`: an event stream as a hook.

import type { ConnectOptions, EventOf, EventsOf, NoOptions, Unstated, UrlOf } from "millrace";
import { useEffect, useRef, useState } from "react";
import { type EventSourceState, follow, type HookOptions, type HookOptionsFor, type OnEvent } from "./follow.js";
import { keyOf, newestOptions } from "./newest-options.js";

export type { EventSourceState, HookBase, HookOptions, HookOptionsFor, OnEvent } from "./follow.js";

/**
 * Connects while the component is mounted and `url` is not null, and again when `url` or the options change. Functions
 * in the options, and the schema, may be new at each rendering: the newest are called.
 */
export function useEventSource<Events extends object = Unstated, Options extends HookOptions = NoOptions>(
  url: UrlOf<Events> | null | undefined,
  ...[options]: HookOptionsFor<Events, Options>
): EventSourceState<EventsOf<Events, Options>> {
  type Map = EventsOf<Events, Options>;
  const [state, setState] = useState<EventSourceState<Map>>({ readyState: 0 });
  const { current: numbers } = useRef<object[]>([]);
  const newest = useRef<(ConnectOptions & OnEvent<Map>) | undefined>(options);
  useEffect(() => {
    newest.current = options;
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: options are compared by what they say
  useEffect(() => {
    setState({ readyState: 0 });
    if (url == null) return;
    const { onEvent: _, ...asked } = newestOptions(() => newest.current) as ConnectOptions & OnEvent;
    return follow(
      url,
      asked,
      (event) => newest.current?.onEvent?.(event as EventOf<Map>),
      (change) => setState((before) => ({ ...before, ...(change as EventSourceState<Map>) })),
    );
  }, [keyOf([url, options], numbers)]);
  return state;
}
