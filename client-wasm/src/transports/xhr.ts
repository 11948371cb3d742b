// XMLHttpRequest, whose text grows as the response arrives: for runtimes without streams, such as React Native.

import { headersOf, headOf, isEventStream, requestOf } from "./fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";

/** Most characters of a response, because all of them stay in memory until its end; then it connects again. */
const maxCharacters = 4_194_304;

/**
 * The browser decodes the text as UTF-8 and removes one byte order mark. This one is put before the text for the core
 * to remove, so that the core reads the text unchanged.
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

  /** Call it whenever input may have arrived; it reads until no input is left. */
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
        // It cannot be paused: a stream that is too fast is closed, and resumes from the last ID when there is room.
        isCut ||= xhr.responseText.length - taken > maxCharacters;
        if (isCut) xhr.abort();
        return;
      }
      isReading = true;
      if (!hasBegun) {
        const answer = answerOf(xhr, this.#request.url);
        const isStream = answer.status === 200 && isEventStream.test(answer.contentType);
        hasBegun = isStream || xhr.readyState === 4 || xhr.responseText !== ""; // other answers wait for their beginning
        if (hasBegun) await this.#listener.answered(answer);
      }
      while (hasBegun && !signal.aborted && !isCut && xhr.responseText.length > taken)
        await this.#listener.arrived(next());
      isReading = false;
      if (signal.aborted || !hasBegun) return;
      if (isCut || (taken > maxCharacters && xhr.readyState < 4)) this.#listener.failed();
      else if (xhr.readyState === 4) this.#listener.ended();
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
