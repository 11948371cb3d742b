// Compiled, not run: the hooks, the store, the observable and the rest beside `millrace`.

import { type ConnectOptions, connect, type EventsUrl, type StandardSchema } from "millrace";
import { EventSource } from "millrace/from-readable-stream";
import { inspect } from "millrace/inspect";
import { observeEvents } from "millrace/observable";
import { useEventSource } from "millrace/react";
import { eventSourceStore } from "millrace/svelte";
import { useEventSource as useVue } from "millrace/vue";

interface Orders {
  created: { total: number };
  deleted: { id: string };
}

const ordersUrl = "/events" as EventsUrl<Orders>;

export function Component(): (number | string | undefined)[] {
  const { event } = useEventSource<Orders>("/events", {
    decode: "json",
    onEvent: (event) => event.type === "created" && event.data.total.toFixed(),
  });
  const { event: text } = useEventSource("/events", { onEvent: ({ data }) => data.length });
  const { event: any } = useEventSource("/events", { decode: "json" });
  // @ts-expect-error decoded, it may be anything
  any?.data satisfies string | undefined;
  const { event: newest, readyState } = useVue<Orders>(() => "/events", { decode: "json" });
  const { event: created } = useEventSource(ordersUrl, {
    decode: "json",
    types: ["created"],
    onEvent: (event) => event.data.total.toFixed(),
  });
  created?.type satisfies "created" | undefined;
  const { event: deleted } = useVue(() => ordersUrl, {
    decode: "json",
    types: ["deleted"],
  });
  deleted.value?.data.id satisfies string | undefined;
  return [
    event?.type === "created" ? event.data.total : event?.data.id,
    text?.data,
    newest.value?.type,
    readyState.value,
  ];
}

// What `onEvent` gets is decided by the options around it, whatever their order, and whichever have functions.
export function useNarrowed(schema: StandardSchema<{ total: number }>, given?: ConnectOptions): void {
  useEventSource(ordersUrl, { decode: "json", types: ["created"], onEvent: ({ data }) => data.total satisfies number });
  useEventSource(ordersUrl, { onEvent: ({ type }) => type satisfies "created", types: ["created"], decode: "json" });
  useVue(ordersUrl, { decode: "json", types: ["deleted"], onEvent: ({ data }) => data.id satisfies string });
  useVue("/events", {
    types: ["a", "b"],
    onEvent: ({ type, data }) => [type satisfies "a" | "b", data satisfies string],
  });
  useEventSource("/events", { decode: "base64", onEvent: ({ data }) => data satisfies Uint8Array });
  useEventSource("/events", { decode: "json", schema, onEvent: ({ data }) => data.total satisfies number });
  useEventSource("/events", {
    decode: "json",
    onEvent: ({ data }) => {
      // @ts-expect-error decoded, it may be anything
      data satisfies string;
    },
  });
  const { event } = useEventSource(ordersUrl, {
    decode: "json",
    types: ["created"],
    headers: () => ({ Authorization: "Bearer …" }),
    retry: { on: (status) => status === 404 },
    onGap: ({ reason }) => reason satisfies "expired" | "unknown",
    onEvent: (event) => {
      // @ts-expect-error the other type's
      event.data.id;
      return event.topics?.length;
    },
  });
  event?.data.total satisfies number | undefined;
  // @ts-expect-error misspelt
  useEventSource(ordersUrl, { decode: "json", types: ["cretaed"], onEvent: () => {} });
  // @ts-expect-error has to be decoded
  useEventSource(ordersUrl, { types: ["created"], onEvent: () => {} });
  // @ts-expect-error in milliseconds
  useEventSource("/events", { idleTimeout: "5s", onEvent: () => {} });
  useEventSource("/events", given).event?.data satisfies unknown;
  useOrders({ topics: "a" }).event?.data satisfies string | undefined;
}
export const useOrders = <Options extends ConnectOptions>(options: Options) => useEventSource("/events", options);

eventSourceStore<Orders>("/events", { decode: "json" }).subscribe(({ event, readyState }) => [event?.type, readyState]);
observeEvents("/events", { types: ["a"] }).subscribe(({ type, data }) => [type satisfies "a", data.length]);
eventSourceStore(ordersUrl, { decode: "json", types: ["created"] }).subscribe(({ event }) => event?.data.total);
observeEvents(ordersUrl, { decode: "json", types: ["deleted"] }).subscribe(({ data }) => data.id);
observeEvents<Orders>("/events", { decode: "json" })
  .subscribe({
    next: (event) => event.type === "deleted" && event.data.id,
  })
  .unsubscribe();

export async function read(stream: ReadableStream<Uint8Array>): Promise<number> {
  const source = EventSource.fromReadableStream(stream);
  source.onmessage = ({ data }) => data;
  source.reset();
  for await (const { data } of inspect(connect("/events"), { maxCharacters: 40 })) data satisfies string;
  return source.lastEventId.length + source.reconnectionTime;
}
