// Fetch streaming: works everywhere fetch does, with any method, headers and body.

import type { RequestHeaders, TransportName } from "../types.js";
import type { Answer, Request, Transport, TransportListener } from "./transport.js";

/** What a `fetch` rejects with where no other attempt would end otherwise. */
export const futile = { isFutile: true, message: "CORS or the scheme forbids it" };

/** How much of a response that is no event stream goes into the error, in bytes, and how long it is waited for, in ms. */
const maxExcerptBytes = 200;
const maxExcerptWait = 500;

/** What no header's value may hold, in Node.js: an ID with it goes into the URL. */
const unsendable = /[^\t -~\x80-\xff]/;

/**
 * An event stream request: where to, and its head. [WHATWG 9.2.2, step 8 of the constructor, and 9.2.3] A name and a password
 * in the URL, which `fetch` refuses, are sent as Basic.
 */
export function requestOf(
  request: Request,
  lastEventId: string,
  headers: Headers,
  signal: AbortSignal,
): [url: string, init: RequestInit & { headers: Headers }] {
  const url = new URL(request.url);
  const { username, password } = url;
  if (username || password) {
    url.username = url.password = "";
    const basic = btoa(utf8AsLatin1(decodeURIComponent(`${username}:${password}`)));
    if (!headers.has("Authorization")) headers.set("Authorization", `Basic ${basic}`);
  }
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  const id = utf8AsLatin1(lastEventId);
  if (unsendable.test(id)) url.searchParams.set("lastEventId", lastEventId);
  else if (id) headers.set("Last-Event-ID", id);
  // As properties, too: a `fetch` of the user's may add to them by `{ ...init.headers, … }`.
  headers.forEach((value, name) => {
    Object.assign(headers, { [name]: value });
  });
  const init: RequestInit & { headers: Headers } = {
    method: request.method ?? "GET",
    headers,
    body: request.body ?? null,
    cache: "no-store",
    credentials: request.withCredentials ? "include" : "same-origin",
    signal,
  };
  return [url.href, init];
}

// A header's value is a string of bytes; the last event ID is sent as UTF-8. [WHATWG 9.2.3]
function utf8AsLatin1(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** The other direction. */
export function utf8Text(header: string): string {
  return new TextDecoder().decode(Uint8Array.from(header, (character) => character.charCodeAt(0)));
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** `reader` is of the response's body, `url` what was asked for. */
export async function answerOf(response: Response, reader: Reader | undefined, url: string): Promise<Answer> {
  const { status, headers } = response;
  const contentType = headers.get("Content-Type") ?? "";
  const { origin } = new URL(response.url || url);
  if (status === 200 && /event-stream/i.test(contentType)) {
    const lastEventId = utf8Text(headers.get("Last-Event-ID") ?? "");
    return {
      status,
      contentType,
      origin,
      lastEventId,
      heartbeat: heartbeatOf(headers.get(heartbeatName)),
      excerpt: "",
    };
  }
  return {
    status,
    contentType,
    origin,
    retryAfter: waitOf(headers.get("Retry-After") ?? ""),
    excerpt: await excerptOf(reader),
  };
}

async function excerptOf(reader: Reader | undefined): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, maxExcerptWait);
  });
  const chunk = await Promise.race([reader?.read().catch(() => undefined), late]);
  clearTimeout(timer);
  return new TextDecoder().decode(chunk?.value?.subarray(0, maxExcerptBytes));
}

export const heartbeatName = "Millrace-Heartbeat";

/** Milliseconds; 0 where it is not said. */
export function heartbeatOf(header: string | null): number {
  return Math.min(Number(header) * 1000, 0x7fffffff) || 0;
}

/** Milliseconds. [RFC 9110 10.2.3] */
export function waitOf(retryAfter: string): number {
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return wait > 0 ? Math.min(wait, 0x7fffffff) : 0;
}

/** Rejects if a function for them fails: that is an attempt that has failed. */
export async function headersOf({ headers }: Request): Promise<RequestHeaders> {
  return (typeof headers === "function" ? await headers() : headers) ?? {};
}

/** A `fetch` of the user's may give anything. */
function checked(response: Response): Response {
  const body: unknown = response?.body;
  if (!response?.headers?.get || (body && !(body as Response["body"])?.getReader)) {
    throw new TypeError("what `fetch` gave is no Response with a ReadableStream for a body");
  }
  return response;
}

export class FetchTransport implements Transport {
  readonly name: TransportName;
  readonly #request: Request;
  readonly #listener: TransportListener;
  #attempt = new AbortController();

  constructor(request: Request, listener: TransportListener, name: TransportName = "fetch") {
    this.#request = request;
    this.#listener = listener;
    this.name = name;
  }

  async connect(lastEventId: string): Promise<void> {
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    const { fetch = globalThis.fetch } = this.#request;
    // Only what concerns the network is caught: a fault in here or in a listener must not look like a lost connection.
    const lost = (error: unknown) => {
      if (!signal.aborted) this.#listener.failed((error as typeof futile | undefined)?.isFutile, error);
    };
    const headers = await headersOf(this.#request).catch(lost);
    if (!headers || signal.aborted) return;
    const [url, init] = requestOf(this.#request, lastEventId, new Headers(headers), signal);
    const response = await (async () => fetch(url, init))().then(checked, lost);
    if (!response || signal.aborted) return;
    const reader = response.body?.getReader();
    const answer = await answerOf(response, reader, url);
    if (signal.aborted) return;
    await this.#listener.response(answer);
    while (!signal.aborted) {
      const chunk = await (reader ? reader.read() : wholeOf(response)).catch(lost);
      if (!chunk || signal.aborted) return;
      if (chunk.value) await this.#listener.bytes(chunk.value);
      if (chunk.done && !signal.aborted) return this.#listener.end();
    }
  }

  drop(): void {
    this.#attempt.abort();
  }
}

// For a fetch that knows no streams: what it gives is there when it is whole.
async function wholeOf(response: Response): Promise<{ done: true; value: Uint8Array }> {
  return { done: true, value: new Uint8Array(await response.arrayBuffer()) };
}
