// The options of connect(), checked once. A wrong one is a TypeError that names it and says what it may be.

import { Flag } from "./abi.js";
import type { Policy } from "./core.js";
import type { Request } from "./transports/transport.js";
import type { ConnectOptions, Decoding, RetryOptions, StandardSchema, TransportName } from "./types.js";
import { resolveUrl } from "./url.js";

export type AnyOptions = ConnectOptions<Decoding>;

/** What connect() is going to do. */
export interface Plan {
  readonly request: Request;
  readonly transport: TransportName;
  /** undefined: all. */
  readonly types: readonly string[] | undefined;
  readonly policy: Policy;
  readonly options: AnyOptions;
}

/** What a subscriber is told when events it has missed are gone: delivered whatever `types` says. */
export const gapType = "millrace.gap";

/** By what a server says how far it has got, where no event does: handed out only where `types` lists it. */
export const cursorType = "millrace.cursor";

/** Bound on what a server that sends its first bytes at once takes for that, in milliseconds. */
const firstByteTimeout = 5000;

/** Several requests of these methods have the effect of one. [RFC 9110 9.2.2] The core's method.h has the same. */
const idempotent = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$/;

type Rule = [what: string, holds: (value: unknown) => boolean];

const isString = (value: unknown) => typeof value === "string";
const isFunction = (value: unknown) => typeof value === "function";
const isList = (value: unknown) => Array.isArray(value) && value.every(isString);
const oneOf = (...values: unknown[]): Rule => [
  values
    .map((value) => `"${value}"`)
    .join(values.length > 2 ? ", " : " or ")
    .replace(/, (?=[^,]*$)/, " or "),
  (value) => values.includes(value),
];
const number = (what: string, least: number, most = 0x7fffffff): Rule => [
  what,
  (value) => typeof value === "number" && value >= least && value <= most,
];
// Made when they are needed: what is called while a module is loaded stays in every bundle.
const aFunction: Rule = ["a function", isFunction];
const aBoolean: Rule = ["a boolean", (value) => typeof value === "boolean"];
const milliseconds = () => number("milliseconds, 0 to 2147483647", 0);

const rules = (): Record<keyof AnyOptions, Rule> => ({
  topics: ["a string or an array of strings", (value) => isString(value) || isList(value)],
  types: ["an array of strings", isList],
  method: ["a string", isString],
  headers: ["headers or a function that returns them", (value) => isFunction(value) || typeof value === "object"],
  body: ["something that can be sent more than once, so not a stream", (value) => !(value instanceof ReadableStream)],
  signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
  lastEventId: ["a string without line ends or NUL", (value) => isString(value) && !/[\0\r\n]/.test(value as string)],
  fetch: aFunction,
  decode: oneOf("text", "json", "base64"),
  schema: ["a Standard Schema", (value) => isFunction((value as StandardSchema | null)?.["~standard"]?.validate)],
  transport: oneOf("auto", "native", "fetch", "xhr", "poll"),
  withCredentials: aBoolean,
  reconnect: oneOf("never", "idempotent", "always"),
  retry: ["an object", (value) => typeof value === "object" && value !== null],
  onUnauthorized: aFunction,
  idleTimeout: milliseconds(),
  firstByteTimeout: milliseconds(),
  whenHidden: oneOf("keep", "close"),
  onGap: aFunction,
  onComment: aFunction,
  persist: oneOf("session"),
  dropReplays: aBoolean,
  maxEventBytes: number("bytes, 1 to 16777216", 1, 16 * 1024 * 1024),
  share: aBoolean,
});

const retryRules = (): Record<keyof RetryOptions, Rule> => ({
  base: milliseconds(),
  max: milliseconds(),
  jitter: number("a share, 0 to 1", 0, 1),
  attempts: number("a number from 1 on", 1),
  on: aFunction,
});

function check(options: object, rules: Record<string, Rule>, prefix = ""): void {
  for (const [name, value] of Object.entries(options)) {
    const rule = rules[name];
    if (!rule)
      throw new TypeError(`connect: there is no option "${prefix}${name}", only ${Object.keys(rules).join(", ")}`);
    const [what, holds] = rule;
    if (value !== undefined && !holds(value)) {
      throw new TypeError(`connect: "${prefix}${name}" must be ${what}, not ${isString(value) ? `"${value}"` : value}`);
    }
  }
}

export function planOf(url: string | URL, options: AnyOptions): Plan {
  check(options, rules());
  check(options.retry ?? {}, retryRules(), "retry.");
  const { topics = [], types, headers, body, fetch } = options;
  const target = resolveUrl(url);
  for (const topic of isString(topics) ? [topics as string] : topics) target.searchParams.append("topic", topic);
  const method = options.method?.toUpperCase() ?? (body == null ? "GET" : "POST");
  const withCredentials = options.withCredentials ?? false;
  // Throws what fetch would throw on every attempt: a GET with a body, a method that is none.
  new globalThis.Request(target, { method, body: body ?? null });

  return {
    request: { url: target.href, method, headers, body, fetch, withCredentials },
    transport: transportFor(options, method),
    types: types && [...types, gapType],
    policy: policyOf(options, method),
    options,
  };
}

/** In the order that core.ts wants. */
function policyOf(options: AnyOptions, method: string): Policy {
  const { base = 0, max = 0, jitter = 0.25, attempts = 0 } = options.retry ?? {};
  const { idleTimeout = 0, maxEventBytes = 0, transport } = options;
  const firstByte = options.firstByteTimeout ?? (options.topics?.length ? firstByteTimeout : 0);
  const flag =
    (idempotent.test(method) ? 0 : Flag.notIdempotent) +
    (options.reconnect === "never" ? Flag.never : options.reconnect === "always" ? Flag.always : 0) +
    Flag.retryOnServerError +
    (transport === "poll" ? Flag.polling : 0) +
    (options.dropReplays === false ? 0 : Flag.dropReplays) +
    (options.types?.includes(cursorType) ? Flag.cursorEvents : 0);
  // A base of 0 would be the core's default.
  const least = options.retry?.base === undefined ? base : Math.max(base, 1);
  return [jitter * 100, least, max, attempts, idleTimeout, firstByte, maxEventBytes, flag];
}

function transportFor(options: AnyOptions, method: string): TransportName {
  const { transport = "auto", types, headers, body, fetch, maxEventBytes } = options;
  const needs = { headers, body, fetch, maxEventBytes, method: method === "GET" ? undefined : method };
  // The option, if any, that the browser's EventSource has no room for.
  const beyond = Object.entries(needs).find(([, value]) => value != null)?.[0];
  const hasNative = isFunction(globalThis.EventSource);
  if (transport === "native") {
    if (beyond) throw new TypeError(`connect: "transport" cannot be "native" with "${beyond}": use "fetch"`);
    if (!hasNative) throw new TypeError('connect: "transport" cannot be "native": there is no EventSource here');
  }
  const hasXhr = isFunction(globalThis.XMLHttpRequest);
  if (transport === "xhr") {
    if (fetch) throw new TypeError('connect: "transport" cannot be "xhr" with "fetch"');
    if (!hasXhr) throw new TypeError('connect: "transport" cannot be "xhr": there is no XMLHttpRequest here');
  }
  if (options.share && !globalThis.navigator?.locks) {
    throw new TypeError('connect: "share" needs Web Locks, which there are in browsers and secure contexts only');
  }
  if (options.share && method !== "GET") throw new TypeError('connect: "share" is for GET only');
  if (transport !== "auto") return transport;
  if (hasNative && types && !beyond && !options.idleTimeout) return "native";
  return fetch || !hasXhr || "body" in Response.prototype ? "fetch" : "xhr";
}
