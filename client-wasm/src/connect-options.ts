// The options of connect(), checked once. An invalid option is a TypeError that names it and says what is valid.

import { withBasic } from "./basic.js";
import { check, isFunction, number, of, oneOf, type Rule, requestRules } from "./check-options.js";
import type { Policy } from "./core.js";
import { methodOf, policyOf } from "./policy.js";
import { cursorType, Flag, gapType } from "./shared-values.js";
import { autoTransport, refuseTransport } from "./transports/choice.js";
import type { Request as Asked } from "./transports/transport.js";
import type { ConnectOptions, StandardSchema, TransportName } from "./types.js";
import { resolveUrl } from "./url.js";
import { withFetch } from "./users-fetch.js";

export type AnyOptions = ConnectOptions;

/** The checked options of connect(). */
export interface Plan {
  /** It changes with the topics; so does the request's. */
  url: string;
  readonly request: Asked & { url: string };
  readonly transport: TransportName;
  /** undefined: all. */
  readonly types: readonly string[] | undefined;
  readonly policy: Policy;
  readonly options: AnyOptions;
  /** The server's name for the answer that streams: that of the first response with one. */
  answerName?: string | null | undefined;
  /** Topics whose state may not have come, if the connection was lost after the change that asked for it. */
  unsure?: string[];
  /** The last change of topics that was asked for, done or not. */
  changing?: Promise<void>;
}

/** Longest time to the first byte of a server that sends it at once, in milliseconds. */
const firstByteTimeout = 5000;

const isString = (value: unknown) => typeof value === "string";
const isList = (value: unknown) => Array.isArray(value) && value.every(isString);

const rules = (): Record<keyof AnyOptions, Rule> => ({
  ...requestRules(),
  topics: ["a string or an array of strings", (value) => isString(value) || isList(value)],
  traces: of("a boolean"),
  client: of("a string"),
  types: ["an array of strings", isList],
  signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
  fetch: of("a function"),
  decode: oneOf("text", "json", "base64"),
  schema: ["a Standard Schema", (value) => isFunction((value as StandardSchema | null)?.["~standard"]?.validate)],
  withCredentials: of("a boolean"),
  whenHidden: oneOf("keep", "close"),
  onGap: of("a function"),
  onComment: of("a function"),
  stop: of("a function"),
  persist: oneOf("session"),
  dropReplays: of("a boolean"),
  maxEventBytes: number("bytes, 1 to 16777216", 1, 16 * 1024 * 1024),
  share: of("a boolean"),
});

export function planOf(url: string | URL, options: AnyOptions): Plan {
  check("connect", options, rules());
  const { topics = [], types, headers, body, fetch, dropReplays } = options;
  const target = resolveUrl(url, `not a valid URL: "${url}" (a relative one needs a page around it)`);
  const { searchParams } = target;
  for (const topic of isString(topics) ? [topics as string] : topics) searchParams.append("topic", topic);
  if (options.client) searchParams.set("client", options.client);
  const method = methodOf(options);
  const withCredentials = options.withCredentials ?? false;
  // Throws what fetch would throw on every attempt: for a GET with a body, or an invalid method.
  new Request("http://localhost", { method, body: body ?? null });
  const firstByte = topics.length ? firstByteTimeout : 0;
  const flag =
    Flag.retryOnServerError +
    (dropReplays ? Flag.dropReplays : dropReplays === false ? 0 : Flag.dropReplaysOfLogs) +
    (types?.includes(cursorType) ? Flag.cursorEvents : 0);
  const told = { ...options, firstByteTimeout: options.firstByteTimeout ?? firstByte };
  const transport = transportFor(told, method);
  const hasFields = searchParams.has("fields");
  if (options.traces) searchParams.append("fields", "trace");
  if (topics.length) {
    // Does not request fields that the browser's own EventSource would not show.
    if (transport !== "native" && !hasFields) searchParams.append("fields", "topic");
    // By a reconnection, the header has an ID.
    if (options.lastEventId === "latest") searchParams.append("lastEventId", "latest");
  }

  return {
    url: target.href,
    request: { ...withBasic(target.href, headers), ...withFetch(fetch), method, body, withCredentials },
    transport,
    types: types && [...types, gapType],
    policy: policyOf(told, method, 0.25, flag),
    options,
  };
}

function transportFor(options: AnyOptions, method: string): TransportName {
  const { types, headers, maxEventBytes, idleTimeout, share, persist, traces } = options;
  // The browser's EventSource reports no further fields.
  const refused = refuseTransport(options, method, { maxEventBytes, traces: traces || undefined });
  if (refused) throw new TypeError(`connect: ${refused}`);
  if (persist && !("sessionStorage" in globalThis)) {
    throw new TypeError('connect: "persist" needs sessionStorage, which there is in pages only');
  }
  if (share) {
    const without = isFunction(headers) ? "a function for headers" : options.fetch && "a fetch of your own";
    if (without) {
      throw new TypeError(`connect: "share" cannot be used with ${without}: pages cannot compare it`);
    }
    if (method !== "GET") throw new TypeError('connect: "share" is for GET only');
    if (!globalThis.navigator?.locks) {
      throw new TypeError('connect: "share" needs Web Locks, which there are in browsers and secure contexts only');
    }
  }
  // `native` reads no response heads: it knows neither where a held-back stream begins, nor the heartbeat.
  const isEnough = types && maxEventBytes === undefined && !options.firstByteTimeout && !idleTimeout && !traces;
  return autoTransport(options, method, isEnough);
}
