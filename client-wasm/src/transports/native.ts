// The browser's own EventSource, which developer tools show as an event stream, and which needs no preflight requests.
// It parses and reconnects automatically and reports to the core, which takes over when it gives up.

import { cursorType, Input } from "../shared-values.js";
import { answerOf, type futile, requestOf } from "./fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";

/**
 * Whether the EventSource is WebKit's, which keeps an incomplete line of a broken connection and joins it with the
 * input of the next.
 */
export const keepsRests = () => /^Apple/.test(globalThis.navigator?.vendor ?? "");

export class NativeTransport implements Transport {
  readonly name = "native";
  readonly #request: Request;
  readonly #types: Set<string>;
  readonly #listener: TransportListener;
  #eventSource: EventSource | undefined;
  #inquiry = new AbortController();
  #staysUp = false;
  #isOpen = false;

  constructor(request: Request, types: readonly string[], listener: TransportListener) {
    this.#request = request;
    this.#types = new Set(types);
    this.#listener = listener;
  }

  get reconnectsItself(): boolean {
    return this.#eventSource !== undefined;
  }

  async connect(lastEventId: string): Promise<void> {
    if (this.reconnectsItself) return;
    this.#inquiry = new AbortController();
    const { withCredentials, platformsOwn = EventSource } = this.#request;
    const eventSource = new platformsOwn(this.#urlFor(lastEventId), { withCredentials });
    this.#eventSource = eventSource;
    // An `open` or `error` event from the server is a MessageEvent; the EventSource's own are not.
    eventSource.onopen = (event) => {
      if (event instanceof MessageEvent || eventSource !== this.#eventSource) return;
      this.#listener.networkBack();
      this.#isOpen = true;
      const { origin } = new URL(eventSource.url);
      const head = { contentType: "text/event-stream", lastEventId: "", heartbeat: 0 };
      this.#listener.answered({ status: 200, ...head, origin, excerpt: "" });
    };
    for (const type of new Set([...this.#types, cursorType])) this.#listenFor(type);
    eventSource.onerror = (event) => {
      if (event instanceof MessageEvent || eventSource !== this.#eventSource) return;
      const gaveUp = eventSource.readyState === eventSource.CLOSED;
      if (!gaveUp || this.#isOpen) this.#lost();
      if (gaveUp) this.#inquire();
    };
  }

  listen(type: string): void {
    if (this.#types.has(type)) return;
    this.#types.add(type);
    if (type !== cursorType) this.#listenFor(type);
  }

  #listenFor(type: string): void {
    const eventSource = this.#eventSource;
    eventSource?.addEventListener(type, (event: Event) => {
      if (event instanceof MessageEvent && eventSource === this.#eventSource) this.#received(event);
    });
  }

  drop(): void {
    const staysUp = this.#staysUp;
    this.#staysUp = false;
    if (staysUp) return;
    this.#isOpen = false;
    this.#inquiry.abort();
    this.#eventSource?.close();
    this.#eventSource = undefined;
  }

  // The only way to pass an ID to a new EventSource; on its own reconnections, servers prefer its header.
  #urlFor(lastEventId: string): URL {
    const url = new URL(this.#request.url);
    if (lastEventId) url.searchParams.set("lastEventId", lastEventId);
    return url;
  }

  #received(event: MessageEvent): void {
    const isHidden = event.type === cursorType && !this.#types.has(cursorType);
    const full = tell(this.#listener, event, isHidden);
    if (!full) return;
    // It cannot be paused, so it is closed; when there is room, the core resumes from the last ID.
    this.drop();
    full.then(() => this.#listener.failed());
  }

  // Reports the loss to the core. If the EventSource's own reconnection can be trusted, it stays although the core
  // wants it dropped.
  #lost(): void {
    this.#isOpen = false;
    this.#staysUp = !keepsRests();
    this.#listener.failed();
    this.#staysUp = false;
  }

  // Only a separate request shows why the browser has given up: 204 means the end, 503 may be temporary, and CORS may
  // forbid it. If the server answers with a stream, the answer was another one before, or the user has stopped it.
  async #inquire(): Promise<void> {
    this.#listener.networkBack();
    this.#eventSource = undefined;
    const { signal } = this.#inquiry;
    const { fetch = globalThis.fetch, staysClosed } = this.#request;
    const request = { ...this.#request, url: this.#urlFor(this.#listener.lastEventId).href };
    const [url, init] = requestOf(request, "", new Headers(), signal);
    const response = await fetch(url, init).catch((error: Partial<typeof futile>) => {
      if (!signal.aborted) this.#listener.failed(error.isFutile, error);
    });
    const answer = response && (await answerOf(response, response.body?.getReader(), url));
    if (!answer || signal.aborted) return;
    this.#inquiry.abort(); // the head was enough
    if (answer.status !== 200 || !/^\s*text\/event-stream\s*(;|$)/i.test(answer.contentType)) {
      await this.#listener.answered(answer);
      // If the core takes the answer for an event stream, nothing reads its body, so the attempt has failed. Otherwise the
      // core has already given up, and this changes nothing.
    }
    this.#listener.failed(staysClosed, { message: "the browser's EventSource has closed" });
  }
}

/** Hides a cursor that `types` does not list. A returned promise holds the stream back until it is fulfilled. */
function tell(connection: TransportListener, event: MessageEvent, isHidden: boolean): Promise<void> | undefined {
  const { type, data, lastEventId } = event;
  const hasId = lastEventId !== connection.lastEventId;
  const signals = connection.machine?.tell(Input.message, lastEventId, isHidden ? 1 : 0) ?? [];
  connection.act(isHidden ? signals : [...signals, connection.owner.eventOf(type, data, lastEventId, hasId)]);
  return connection.owner.full?.();
}
