// Fetch streaming: works everywhere fetch does, with any method, headers and body.

import type { Request, Transport, TransportListener } from "./transport.js";

/** The head of an event stream request. [WHATWG 9.2.2, step 8 of the constructor, and 9.2.3] */
export function requestInit(request: Request, lastEventId: string, headers: Headers, signal: AbortSignal): RequestInit {
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  if (lastEventId) headers.set("Last-Event-ID", utf8AsLatin1(lastEventId));
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

export class FetchTransport implements Transport {
  readonly name = "fetch";
  readonly #request: Request;
  readonly #listener: TransportListener;
  #attempt = new AbortController();

  constructor(request: Request, listener: TransportListener) {
    this.#request = request;
    this.#listener = listener;
  }

  async connect(lastEventId: string): Promise<void> {
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    const { headers, url, fetch = globalThis.fetch } = this.#request;
    const asked = new Headers(typeof headers === "function" ? await headers() : headers);
    if (signal.aborted) return;
    const init = requestInit(this.#request, lastEventId, asked, signal);

    // Only what concerns the network is caught: a fault in here or in a listener must not look like a lost connection.
    const lost = () => {
      if (!signal.aborted) this.#listener.networkError();
    };
    const response = await fetch(url, init).catch(lost);
    if (!response || signal.aborted) return;
    this.#listener.response(response.status, response.headers.get("Content-Type") ?? "", response.url || url);
    const reader = response.body?.getReader();
    while (!signal.aborted) {
      const chunk = reader ? await reader.read().catch(lost) : { done: true as const, value: undefined };
      if (!chunk || signal.aborted) return;
      if (chunk.done) return this.#listener.end();
      await this.#listener.bytes(chunk.value);
    }
  }

  drop(): void {
    this.#attempt.abort();
  }
}
