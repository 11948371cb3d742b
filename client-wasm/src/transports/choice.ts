// Which transport can do what is asked for.

import type { RequestOptions, TransportName } from "../types.js";

type Asked = RequestOptions & { fetch?: typeof fetch | undefined };

const isFunction = (value: unknown) => typeof value === "function";

/** The option, if any, that the browser's EventSource has no room for. */
function beyondNative({ headers, body, fetch }: Asked, method: string, further: object): string | undefined {
  const needs = { headers, body, fetch, ...further, method: method === "GET" ? undefined : method };
  return Object.entries(needs).find(([, value]) => value != null)?.[0];
}

/** What is wrong with the transport that is asked for, if anything. `further`: options that `native` cannot have. */
export function refuseTransport(options: Asked, method: string, further: object = {}): string | undefined {
  const { transport, fetch } = options;
  if (transport === "native") {
    const beyond = beyondNative(options, method, further);
    if (beyond) return `"transport" cannot be "native" with "${beyond}": use "fetch"`;
    if (!isFunction(globalThis.EventSource)) return '"transport" cannot be "native": there is no EventSource here';
  }
  if (transport === "xhr") {
    if (fetch) return '"transport" cannot be "xhr" with "fetch"';
    if (!isFunction(globalThis.XMLHttpRequest)) return '"transport" cannot be "xhr": there is no XMLHttpRequest here';
  }
  return undefined;
}

/** `nativeIsEnough`: nothing else is wanted than what the browser's EventSource can do. */
export function autoTransport(options: Asked, method: string, nativeIsEnough?: boolean): TransportName {
  const { transport = "auto", fetch } = options;
  if (transport !== "auto") return transport;
  if (nativeIsEnough && isFunction(globalThis.EventSource) && !beyondNative(options, method, {})) return "native";
  return fetch || !isFunction(globalThis.XMLHttpRequest) || "body" in Response.prototype ? "fetch" : "xhr";
}
