// Chooses a transport that can make the request.

import type { RequestOptions, TransportName } from "../types.js";
import { keepsRests } from "./native.js";

type Asked = RequestOptions & { fetch?: typeof fetch | undefined };

const isFunction = (value: unknown) => typeof value === "function";

/** The first option that the browser's EventSource does not support, if any. */
function beyondNative({ headers, body, fetch }: Asked, method: string, further: object): string | undefined {
  const needs = { headers, body, fetch, ...further, method: method === "GET" ? undefined : method };
  return Object.entries(needs).find(([, value]) => value != null)?.[0];
}

/**
 * Whether it is a browser's class, and not a replacement. WebKit's does not count: each of its reconnections is a new one,
 * which cannot send the last event ID as a header.
 */
export const isBrowsers = (platformsOwn: unknown) => /\[native code\]/.test(`${platformsOwn}`) && !keepsRests();

/** Why the requested transport cannot be used, if so. `further`: more options that `native` does not support. */
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

/** `nativeIsEnough`: the browser's EventSource can do everything requested. */
export function autoTransport(options: Asked, method: string, nativeIsEnough?: boolean): TransportName {
  const { transport = "auto", fetch } = options;
  if (transport !== "auto") return transport;
  if (nativeIsEnough && isFunction(globalThis.EventSource) && !beyondNative(options, method, {})) return "native";
  return fetch || !isFunction(globalThis.XMLHttpRequest) || "body" in Response.prototype ? "fetch" : "xhr";
}
