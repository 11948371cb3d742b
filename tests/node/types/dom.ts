// Compiled, not run: the package's types in a program for browsers.

import {
  type Connection,
  type ConnectionErrorEvent,
  type ConnectOptions,
  connect,
  EventSource,
  type EventsUrl,
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
interface Orders {
  created: Order;
  deleted: { id: string };
}
export const texts: Connection = connect("/events");
export const orders: Connection<Record<string, Order>> = connect<Record<string, Order>>("/events", { decode: "json" });
export const unknowns: Connection<Record<string, unknown>> = connect("/events", { decode: "json" });
export const options: ConnectOptions = { topics: ["a"], transport: "native", headers: async () => [["a", "b"]] };
export const bytes: Connection<Record<string, Uint8Array>> = connect("/events", { decode: "base64" });
declare const orderSchema: StandardSchema<Order>;
export const checked: Connection<Record<string, Order>> = connect("/events", { decode: "json", schema: orderSchema });

// The map of events decides what their data is, and which types there are.
export async function changes(): Promise<(number | string)[]> {
  const found: (number | string)[] = [];
  for await (const event of connect<Orders>("/events", { decode: "json", types: ["created", "deleted"] })) {
    if (event.type === "created") found.push(event.data.total);
    else found.push(event.data.id);
    // @ts-expect-error it is one of two
    found.push(event.data.total);
  }
  for await (const { type, data } of connect<{ a: string; b: string }>("/events")) {
    const known: "a" | "b" = type;
    found.push(known, data);
  }
  return found;
}
// @ts-expect-error what is not text has to be decoded
connect<Orders>("/events");
// @ts-expect-error nor without `decode`
connect<Orders>("/events", { types: ["created"] });
// @ts-expect-error misspelt
connect<Orders>("/events", { decode: "json", types: ["cretaed"] });

// A map in the URL's type is inferred, and so are the options: `types` narrows it.
const ordersUrl = "/events?topic=orders" as EventsUrl<Orders>;
export async function narrowed(): Promise<number> {
  let sum = 0;
  for await (const event of connect(ordersUrl, { decode: "json", types: ["created"] })) {
    event.type satisfies "created";
    sum += event.data.total;
  }
  for await (const event of connect(ordersUrl, { decode: "json" })) {
    // @ts-expect-error it is one of two
    sum += event.data.total;
    if (event.type === "created") sum += event.data.total;
  }
  for await (const event of connect(new URL("/events", "http://localhost") as EventsUrl<Record<string, Order>>, {
    decode: "json",
    types: ["created", "paid"],
  })) {
    event.type satisfies "created" | "paid";
    sum += event.data.total;
  }
  // One that is stated as a type argument cannot be narrowed by the options: state the part.
  for await (const event of connect<Pick<Orders, "created">>("/events", { decode: "json", types: ["created"] })) {
    event.type satisfies "created";
    sum += event.data.total;
  }
  return sum;
}
// @ts-expect-error what is not text has to be decoded
connect(ordersUrl);
// @ts-expect-error nor without `decode`
connect(ordersUrl, { types: ["created"] });
// @ts-expect-error misspelt
connect(ordersUrl, { decode: "json", types: ["cretaed"] });
// @ts-expect-error not a part of the map that is stated
connect<Pick<Orders, "created">>("/events", { decode: "json", types: ["deleted"] });

// Without one, the options do: what they do not say for certain is unknown.
export async function inferred(binary: boolean, given: ConnectOptions): Promise<void> {
  for await (const { type, data, topic, topics } of connect("/events", { types: ["a", "b"] })) {
    topic satisfies string | undefined;
    topics satisfies readonly string[] | undefined;
    const known: "a" | "b" = type;
    known satisfies string;
    data satisfies string;
  }
  for await (const { data } of connect("/events", { decode: binary ? "base64" : "text" }))
    data satisfies string | Uint8Array;
  for await (const { data } of connect("/events", given)) {
    // @ts-expect-error it may be anything
    data satisfies string;
  }
}

// Functions around it compile.
export const wrapped = <Options extends ConnectOptions>(path: string, options: Options) => connect(path, options);
export const spread = (path: string, options?: ConnectOptions) => connect(path, { ...options, decode: "json" });
export const typed = (path: string) => connect<Orders>(path, { decode: "json" });
export const text: Connection = wrapped("/events", { topics: "a" });

// A connection is closed at the end of a block, and listeners of all kinds go.
export async function using(): Promise<void> {
  const connection = connect("/events");
  const lost = ({ reason, status, reconnectIn }: ConnectionErrorEvent) => [reason, status.toFixed(), reconnectIn];
  connection.addEventListener("error", lost);
  connection.addEventListener("error", { handleEvent: lost });
  connection.removeEventListener("error", lost);
  // @ts-expect-error there is no such event
  connection.addEventListener("message", lost);
  await connection[Symbol.asyncDispose]();
}
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
export const wrong: Connection<Record<string, Order>> = connect("/events");
// @ts-expect-error no such transport
connect("/events", { transport: "carrier-pigeon" });
// @ts-expect-error no such option
connect("/events", { topic: "a" });
// @ts-expect-error read-only
asOurs.readyState = 1;

// stop() is a promise of nothing; the option gets the answer's name.
export const stopped: Promise<void> = texts.stop();
connect("/v1/answers", { stop: (answer) => fetch(`/v1/responses/${answer}/cancel`, { method: "POST" }) });
// @ts-expect-error a URL does not say the method
connect("/v1/answers", { stop: "/v1/answers/7" });
