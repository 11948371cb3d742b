// XMLHttpRequest, whose text grows while the response comes: for runtimes that have no streams, old ones and React Native.

import { headersOf, headOf, isEventStream, requestOf } from "./fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";

/** Characters of a response, all of which stay in memory until its end, after which the connection is made anew. */
const maxCharacters = 4_194_304;

/**
 * The browser decodes the text as UTF-8 and takes one byte order mark away. The core is to see the text as it is now: it
 * takes this one.
 */
const byteOrderMark = "\uFEFF";

export class XhrTransport implements Transport {
  readonly name = "xhr";
  readonly #request: Request;
  readonly #listener: TransportListener;
  readonly #encoder = new TextEncoder();
  #attempt = new AbortController();

  constructor(request: Request, listener: TransportListener) {
    this.#request = request;
    this.#listener = listener;
  }

  async connect(lastEventId: string): Promise<void> {
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    const lost = (error?: unknown) => {
      if (!signal.aborted) this.#listener.failed(false, error);
    };
    const headers = await headersOf(this.#request).catch(lost);
    if (!headers || signal.aborted) return;
    const [url, init] = requestOf(this.#request, lastEventId, new Headers(headers), signal);
    const xhr = new XMLHttpRequest();
    xhr.open(init.method as string, url);
    xhr.withCredentials = this.#request.withCredentials;
    xhr.overrideMimeType?.("text/event-stream;charset=utf-8");
    init.headers.forEach((value, name) => {
      xhr.setRequestHeader(name, value);
    });
    signal.addEventListener("abort", () => xhr.abort());
    const read = this.#reading(xhr, signal);
    xhr.onreadystatechange = read;
    xhr.onprogress = read;
    xhr.onload = read;
    xhr.onerror = () => lost();
    xhr.send(init.body as XMLHttpRequestBodyInit | null);
  }

  drop(): void {
    this.#attempt.abort();
  }

  /** To be called whenever something may have come; one call reads until there is nothing more. */
  #reading(xhr: XMLHttpRequest, signal: AbortSignal): () => Promise<void> {
    let isReading = false;
    let hasBegun = false;
    let isCut = false;
    let taken = 0;
    const next = () => {
      const chunk = (taken === 0 ? byteOrderMark : "") + xhr.responseText.slice(taken);
      taken = xhr.responseText.length;
      return this.#encoder.encode(chunk);
    };
    return async () => {
      if (xhr.status === 0 || xhr.readyState < 2) return;
      if (isReading) {
        // It cannot be slowed down: what comes too fast is ended and, once there is room, gone on with from the last ID.
        isCut ||= xhr.responseText.length - taken > maxCharacters;
        if (isCut) xhr.abort();
        return;
      }
      isReading = true;
      if (!hasBegun) {
        const answer = answerOf(xhr, this.#request.url);
        const isStream = answer.status === 200 && isEventStream.test(answer.contentType);
        hasBegun = isStream || xhr.readyState === 4 || xhr.responseText !== ""; // what is no stream says how it begins
        if (hasBegun) await this.#listener.response(answer);
      }
      while (hasBegun && !signal.aborted && !isCut && xhr.responseText.length > taken)
        await this.#listener.bytes(next());
      isReading = false;
      if (signal.aborted || !hasBegun) return;
      if (isCut || (taken > maxCharacters && xhr.readyState < 4)) this.#listener.failed();
      else if (xhr.readyState === 4) this.#listener.end();
    };
  }
}

function answerOf(xhr: XMLHttpRequest, url: string) {
  return {
    ...headOf((name) => xhr.getResponseHeader(name)),
    status: xhr.status,
    origin: new URL(xhr.responseURL || url).origin,
    excerpt: xhr.responseText.slice(0, 200),
  };
}
