// Fetch streaming: works everywhere fetch does, with any method, headers and body.

import type { RequestHeaders, TransportName } from "../types.js";
import { cacheMode } from "./cache-mode.js";
import type { Answer, Request, Transport, TransportListener } from "./transport.js";

/** The rejection of a `fetch` that would fail again on every attempt. */
export const futile = { isFutile: true, message: "CORS or the scheme forbids it" };

/** Bytes of a response other than an event stream that the error quotes, and the time to wait for them, in ms. */
const maxExcerptBytes = 200;
const maxExcerptWait = 500;

/** Characters that Node.js refuses in a header's value: an ID with one of them goes into the URL. */
const unsendable = /[^\t -~\x80-\xff]/;

/** The URL and the head of an event stream request. [WHATWG 9.2.2, step 8 of the constructor, and 9.2.3] */
export function requestOf(
  request: Request,
  lastEventId: string,
  headers: Headers,
  signal: AbortSignal,
): [url: string, init: RequestInit & { headers: Headers }] {
  const url = new URL(request.url);
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  const id = utf8AsLatin1(lastEventId);
  if (unsendable.test(id)) url.searchParams.set("lastEventId", lastEventId);
  else if (id) headers.set("Last-Event-ID", id);
  const init: RequestInit & { headers: Headers } = {
    method: request.method ?? "GET",
    headers,
    body: request.body ?? null,
    cache: cacheMode("no-store"),
    credentials: request.withCredentials ? "include" : "same-origin",
    signal,
  };
  return [url.href, init];
}

// A header's value is a string of bytes; the last event ID must be UTF-8. [WHATWG 9.2.3]
export function utf8AsLatin1(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** The inverse. */
export function utf8Text(header: string): string {
  return new TextDecoder().decode(Uint8Array.from(header, (character) => character.charCodeAt(0)));
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type ReadResult = Awaited<ReturnType<Reader["read"]>>;

/** `reader` reads the response's body; `url` is the requested URL. */
export async function answerOf(response: Response, reader: Reader | undefined, url: string): Promise<Answer> {
  const { status, headers } = response;
  const head = headOf((name) => headers.get(name));
  const isStream = status === 200 && isEventStream.test(head.contentType);
  const { origin } = new URL(response.url || url);
  return { ...head, status, origin, excerpt: isStream ? "" : await excerptOf(reader) };
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

/** A guess; only the core decides for certain. */
export const isEventStream = /event-stream/i;

/** The Answer's parts that come from response fields; `field` returns the value of one. */
export function headOf(field: (name: string) => string | null) {
  const heartbeat = Number(field("Millrace-Heartbeat")) * 1000;
  return {
    contentType: field("Content-Type") ?? "",
    lastEventId: utf8Text(field("Last-Event-ID") ?? ""),
    heartbeat: Math.min(heartbeat, 0x7fffffff) || 0,
    field,
  };
}

/** Rejects if the function for headers fails: then the attempt has failed. */
export async function headersOf({ headers }: Request): Promise<RequestHeaders> {
  return (typeof headers === "function" ? await headers() : headers) ?? {};
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
    const { fetch = globalThis.fetch, checked } = this.#request;
    // Catches only failures of the network: an error here or in a listener must not look like a lost connection.
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
    await this.#listener.answered(answer);
    while (!signal.aborted) {
      const chunk = await (reader ? reader.read().catch(lost) : ({ done: true } as ReadResult));
      if (!chunk || signal.aborted) return;
      if (chunk.done) return this.#listener.ended();
      await this.#listener.arrived(chunk.value as Uint8Array);
    }
  }

  drop(): void {
    this.#attempt.abort();
  }
}
