// Compiled, not run: the package's types in a program for browsers.

import {
  type Connection,
  type ConnectOptions,
  connect,
  EventSource,
  type ServerEvent,
  type StandardSchema,
} from "millrace";

// A drop-in replacement, in both directions.
export const asTheirs: globalThis.EventSource = new EventSource("/events", { withCredentials: true });
export const asOurs: EventSource = new globalThis.EventSource("/events");
export const theirClass: { new (url: string | URL, init?: EventSourceInit): globalThis.EventSource } = EventSource;
export const open: 1 = EventSource.OPEN;
asTheirs.addEventListener("message", ({ data }) => data);
new EventSource("/events").addEventListener("created", ({ lastEventId }) => lastEventId.length);
new EventSource("/events").onmessage = function (event) {
  return [this.url, event.origin];
};
new EventSource("/events").onerror = ({ status, message, code }) => [status?.toFixed(), message?.length, code];
new EventSource("/events").addEventListener("error", ({ status }) => status?.toFixed());

interface Order {
  total: number;
}
export const texts: Connection = connect("/events");
export const orders: Connection<Order> = connect<Order>("/events", { decode: "json" });
export const unknowns: Connection<unknown> = connect("/events", { decode: "json" });
export const options: ConnectOptions = { topics: ["a"], transport: "native", headers: async () => [["a", "b"]] };
export const bytes: Connection<Uint8Array> = connect("/events", { decode: "base64" });
declare const orderSchema: StandardSchema<Order>;
export const checked: Connection<Order> = connect("/events", { decode: "json", schema: orderSchema });
connect("/events", {
  retry: { base: 100, max: 5000, jitter: 0.5, attempts: 9, on: (status) => status === 404 || undefined },
  onUnauthorized: async () => {},
  onGap: ({ reason }) => reason === "expired",
  idleTimeout: 45_000,
  share: true,
});
export async function total(): Promise<number> {
  let sum = 0;
  for await (const event of orders) sum += event.data.total;
  return sum;
}
export const event: ServerEvent<Order> = { type: "created", data: { total: 1 }, lastEventId: "1", hasId: true };

// @ts-expect-error without decode, data is text
export const wrong: Connection<Order> = connect("/events");
// @ts-expect-error no such transport
connect("/events", { transport: "carrier-pigeon" });
// @ts-expect-error no such option
connect("/events", { topic: "a" });
// @ts-expect-error read-only
asOurs.readyState = 1;
