// The options of connect(), checked once. A wrong one is a TypeError that names it and says what it may be.

import type { Request } from "./transports/transport.js";
import type { ConnectOptions, TransportName } from "./types.js";
import { resolveUrl } from "./url.js";

/** What connect() is going to do. */
export interface Plan {
  readonly request: Request;
  readonly transport: TransportName;
  /** undefined: all. */
  readonly types: readonly string[] | undefined;
  readonly json: boolean;
  readonly lastEventId: string;
  readonly signal: AbortSignal | undefined;
  /** undefined: once there is an ID to go on from. */
  readonly reconnect: boolean | undefined;
}

/** What a subscriber is told when events it has missed are gone: delivered whatever `types` says. */
const gapType = "millrace.gap";

const isString = (value: unknown) => typeof value === "string";
const isBoolean = (value: unknown) => typeof value === "boolean";
const isFunction = (value: unknown) => typeof value === "function";
const isList = (value: unknown) => Array.isArray(value) && value.every(isString);

const rules: Record<keyof ConnectOptions, [what: string, holds: (value: unknown) => boolean]> = {
  topics: ["a string or an array of strings", (value) => isString(value) || isList(value)],
  types: ["an array of strings", isList],
  method: ["a string", isString],
  headers: ["headers or a function that returns them", (value) => isFunction(value) || typeof value === "object"],
  body: ["something that can be sent more than once, so not a stream", (value) => !(value instanceof ReadableStream)],
  signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
  lastEventId: ["a string without line ends or NUL", (value) => isString(value) && !/[\0\r\n]/.test(value as string)],
  fetch: ["a function", isFunction],
  decode: ['"text" or "json"', (value) => value === "text" || value === "json"],
  transport: ['"auto", "native" or "fetch"', (value) => value === "auto" || value === "native" || value === "fetch"],
  withCredentials: ["a boolean", isBoolean],
  reconnect: ["a boolean", isBoolean],
};

export function planOf(url: string | URL, options: ConnectOptions<"text" | "json">): Plan {
  for (const [name, value] of Object.entries(options)) {
    const rule = rules[name as keyof ConnectOptions];
    if (!rule) throw new TypeError(`connect: there is no option "${name}", only ${Object.keys(rules).join(", ")}`);
    const [what, holds] = rule;
    if (value !== undefined && !holds(value)) {
      throw new TypeError(`connect: "${name}" must be ${what}, not ${isString(value) ? `"${value}"` : value}`);
    }
  }
  const { topics = [], types, headers, body, fetch, lastEventId = "", signal } = options;
  const target = resolveUrl(url);
  for (const topic of isString(topics) ? [topics as string] : topics) target.searchParams.append("topic", topic);
  const method = options.method?.toUpperCase() ?? (body == null ? "GET" : "POST");
  const withCredentials = options.withCredentials ?? false;
  // Throws what fetch would throw on every attempt: a GET with a body, a method that is none.
  new globalThis.Request(target, { method, body: body ?? null });

  const needsFetch = Object.entries({ headers, body, fetch }).find(([, value]) => value != null)?.[0];
  return {
    request: { url: target.href, method, headers, body, fetch, withCredentials },
    transport: transportFor(options, method === "GET" ? needsFetch : "method"),
    types: types && [...types, gapType],
    json: options.decode === "json",
    lastEventId,
    signal,
    reconnect: options.reconnect ?? (method === "GET" || undefined),
  };
}

/** `needsFetch`: the option, if any, that the browser's EventSource has no room for. */
function transportFor(
  { transport = "auto", types }: Pick<ConnectOptions, "transport" | "types">,
  needsFetch: string | undefined,
): TransportName {
  const hasNative = isFunction(globalThis.EventSource);
  if (transport === "native") {
    if (needsFetch) throw new TypeError(`connect: "transport" cannot be "native" with "${needsFetch}": use "fetch"`);
    if (!hasNative) throw new TypeError('connect: "transport" cannot be "native": there is no EventSource here');
  }
  if (transport !== "auto") return transport;
  return hasNative && types && !needsFetch ? "native" : "fetch";
}
