// The browser's own EventSource: what developer tools show as an event stream, and what crosses origins without asking
// first. It parses and reconnects by itself; the core is told what it does, and takes over when it gives up.

import { Input } from "../abi.js";
import { cursorType } from "../protocol.js";
import { answerOf, requestOf } from "./fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";

/**
 * Whether the EventSource is WebKit's, which keeps what a broken connection has left of a line, and takes what comes over
 * the next for the rest of it.
 */
const keepsRests = () => /^Apple/.test(globalThis.navigator?.vendor ?? "");

export class NativeTransport implements Transport {
  readonly name = "native";
  readonly #request: Request;
  readonly #types: Set<string>;
  readonly #listener: TransportListener;
  #eventSource: EventSource | undefined;
  #inquiry = new AbortController();
  #reconnectsItself = false;
  #isOpen = false;

  constructor(request: Request, types: readonly string[], listener: TransportListener) {
    this.#request = request;
    this.#types = new Set(types);
    this.#listener = listener;
  }

  async connect(lastEventId: string): Promise<void> {
    if (this.#eventSource) return; // it is at it already, by itself
    this.#inquiry = new AbortController();
    const eventSource = new EventSource(this.#urlFor(lastEventId), { withCredentials: this.#request.withCredentials });
    this.#eventSource = eventSource;
    // An `open` or `error` that the server has sent is a MessageEvent; those of the EventSource's own are not.
    eventSource.onopen = (event) => {
      if (event instanceof MessageEvent || eventSource !== this.#eventSource) return;
      this.#listener.online();
      this.#isOpen = true;
      const { origin } = new URL(eventSource.url);
      this.#listener.response({ status: 200, contentType: "text/event-stream", origin, excerpt: "" });
    };
    for (const type of new Set([...this.#types, cursorType])) this.#listenFor(type);
    eventSource.onerror = (event) => {
      if (event instanceof MessageEvent || eventSource !== this.#eventSource) return;
      const gaveUp = eventSource.readyState === EventSource.CLOSED;
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
    const staysUp = this.#reconnectsItself;
    this.#reconnectsItself = false;
    if (staysUp) return;
    this.#isOpen = false;
    this.#inquiry.abort();
    this.#eventSource?.close();
    this.#eventSource = undefined;
  }

  // The one way to hand an ID to a new EventSource; on its own reconnections the header that it sends goes first.
  #urlFor(lastEventId: string): URL {
    const url = new URL(this.#request.url);
    if (lastEventId) url.searchParams.set("lastEventId", lastEventId);
    return url;
  }

  #received(event: MessageEvent): void {
    const isHidden = event.type === cursorType && !this.#types.has(cursorType);
    const full = tell(this.#listener, event, isHidden);
    if (!full) return;
    // It cannot be slowed down, so it is ended; once there is room, the core goes on from the last ID.
    this.drop();
    full.then(() => this.#listener.failed());
  }

  // The core is told, and what it then wants dropped is left to reconnect by itself where that can be trusted.
  #lost(): void {
    this.#isOpen = false;
    this.#reconnectsItself = !keepsRests();
    this.#listener.failed();
    this.#reconnectsItself = false;
  }

  // Why the browser has given up, only a request of our own can see: a 204 means the end, a 503 may pass.
  async #inquire(): Promise<void> {
    this.#listener.online();
    this.#eventSource = undefined;
    const { signal } = this.#inquiry;
    const request = { ...this.#request, url: this.#urlFor(this.#listener.lastEventId).href };
    const [url, init] = requestOf(request, "", new Headers(), signal);
    const response = await fetch(url, init).catch(() => undefined);
    const answer = response && (await answerOf(response, response.body?.getReader(), url));
    if (signal.aborted) return;
    this.#inquiry.abort(); // it has said what there was to know
    if (!answer || (answer.status === 200 && /^\s*text\/event-stream\s*(;|$)/i.test(answer.contentType))) {
      return this.#listener.failed(); // all would be well now: the core has a new EventSource made
    }
    await this.#listener.response(answer);
    // If it is one after all, by fields that only the core can read, there is nobody to read that answer. Else the core
    // has given it up by now, and this changes nothing.
    this.#listener.failed();
  }
}

/** A cursor that nobody has asked for is hidden. A promise holds the stream back until it is kept. */
function tell(connection: TransportListener, event: MessageEvent, isHidden: boolean): Promise<void> | undefined {
  const { type, data, lastEventId } = event;
  const hasId = lastEventId !== connection.lastEventId;
  const signals = connection.machine?.tell(Input.message, lastEventId, isHidden ? 1 : 0) ?? [];
  connection.act(isHidden ? signals : [...signals, connection.eventOf(type, data, lastEventId, hasId)]);
  return connection.owner.full?.();
}
