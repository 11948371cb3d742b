// Fetch streaming: works everywhere fetch does, with any method, headers and body.

import type { TransportName } from "../types.js";
import type { Answer, Request, Transport, TransportListener } from "./transport.js";

/** What a `fetch` rejects with where no other attempt would end otherwise. */
export const futile = /* @__PURE__ */ new Error("CORS or the scheme forbids it");

/** How much of a response that is no event stream goes into the error, in bytes, and how long it is waited for, in ms. */
const maxExcerptBytes = 200;
const maxExcerptWait = 500;

/** The head of an event stream request. [WHATWG 9.2.2, step 8 of the constructor, and 9.2.3] */
export function requestInit(request: Request, lastEventId: string, headers: Headers, signal: AbortSignal): RequestInit {
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  if (lastEventId) headers.set("Last-Event-ID", utf8AsLatin1(lastEventId));
  // As properties, too: a `fetch` of the user's may add to them by `{ ...init.headers, … }`.
  headers.forEach((value, name) => {
    Object.assign(headers, { [name]: value });
  });
  return {
    method: request.method ?? "GET",
    headers,
    body: request.body ?? null,
    cache: "no-store",
    credentials: request.withCredentials ? "include" : "same-origin",
    signal,
  };
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
    return { status, contentType, origin, lastEventId: utf8Text(headers.get("Last-Event-ID") ?? ""), excerpt: "" };
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

/** Milliseconds. [RFC 9110 10.2.3] */
export function waitOf(retryAfter: string): number {
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return wait > 0 ? Math.min(wait, 0x7fffffff) : 0;
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
    const { headers, url, fetch = globalThis.fetch } = this.#request;
    const asked = new Headers(typeof headers === "function" ? await headers() : headers);
    if (signal.aborted) return;
    const init = requestInit(this.#request, lastEventId, asked, signal);

    // Only what concerns the network is caught: a fault in here or in a listener must not look like a lost connection.
    const lost = (error: unknown) => {
      if (!signal.aborted) this.#listener.networkError(error === futile, error);
    };
    const response = await fetch(url, init).catch(lost);
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
