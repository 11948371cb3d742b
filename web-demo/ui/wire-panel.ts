// WirePanel: a stream on the server's log, block by block as it came.

import type { Connection } from "millrace";
import { byId, setText } from "../src/dom.js";
import { FrameSplitter, isHeartbeat } from "../src/frames.js";
import { Rate } from "../src/rate.js";
import type { Admin } from "./admin.js";

const shownFrames = 100;
const maxFrameCharacters = 4_096; // of one block that is shown
const drawEvery = 150; // ms

const counting = new Intl.NumberFormat("en");

export class WirePanel {
  readonly #admin: Admin;
  readonly #count: (topic: string, lastId: string) => void;
  readonly #rate = new Rate();
  readonly #hold = byId("hold", HTMLButtonElement);
  readonly #closer = byId("close", HTMLButtonElement);
  #connection: Connection | undefined;
  #splitter = new FrameSplitter();
  #newest: string[] = [];
  #bytes = 0;
  #heartbeats = 0;

  /** Calls `count` for each event. */
  constructor(admin: Admin, count: (topic: string, lastId: string) => void) {
    this.#admin = admin;
    this.#count = count;
    byId("listen", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#open();
    });
    this.#closer.addEventListener("click", () => this.close());
    this.#hold.addEventListener("click", () => {
      this.#hold.ariaPressed = String(!this.#isHeld);
    });
    byId("clear", HTMLButtonElement).addEventListener("click", () => {
      this.#newest = [];
      this.#draw();
    });
    setInterval(() => this.#draw(), drawEvery);
  }

  close(): void {
    if (!this.#connection) return;
    this.#connection.close();
    this.#connection = undefined;
    this.#show("idle", "Closed by this page.");
  }

  get #isHeld(): boolean {
    return this.#hold.ariaPressed === "true";
  }

  #open(): void {
    this.#connection?.close();
    this.#splitter = new FrameSplitter();
    const topics = byId("patterns", HTMLInputElement).value.split(/\s+/).filter(Boolean);
    const from = byId("from", HTMLInputElement).value.trim();
    const connection = this.#admin.listen(topics, from, (chunk) => {
      if (connection === this.#connection) this.#take(chunk);
    });
    this.#connection = connection;
    this.#show("connecting", "Connecting.");
    connection.addEventListener("open", () => {
      if (connection === this.#connection) this.#show("open", "Open.");
    });
    connection.addEventListener("error", ({ message, reconnectIn }) => {
      if (connection !== this.#connection) return;
      this.#splitter.reset();
      const next =
        reconnectIn === null ? "It does not try again." : `Next try in ${(reconnectIn / 1000).toFixed(1)} s.`;
      this.#show(reconnectIn === null ? "closed" : "waiting", `${message} ${next}`);
    });
    void this.#read(connection);
  }

  async #read(connection: Connection): Promise<void> {
    try {
      for await (const { topic, lastEventId } of connection) {
        this.#rate.add(1, performance.now());
        if (topic !== undefined) this.#count(topic, lastEventId);
      }
    } catch {
      // The error event has said why.
    }
    if (connection === this.#connection) this.#closer.disabled = true;
  }

  #take(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    for (const frame of this.#splitter.split(chunk)) {
      if (isHeartbeat(frame)) this.#heartbeats += 1;
      const isLong = frame.length > maxFrameCharacters;
      const rest = `\n… ${counting.format(frame.length - maxFrameCharacters)} more characters`;
      this.#newest.unshift(isLong ? frame.slice(0, maxFrameCharacters) + rest : frame);
    }
    this.#newest.length = Math.min(this.#newest.length, shownFrames);
  }

  #show(state: "idle" | "connecting" | "open" | "waiting" | "closed", text: string): void {
    const place = byId("wire-state", HTMLElement);
    place.dataset.state = state;
    setText(place, text);
    this.#closer.disabled = state === "idle" || state === "closed";
  }

  #draw(): void {
    setText(byId("event-rate", HTMLElement), counting.format(this.#rate.perSecond(performance.now())));
    setText(byId("bytes", HTMLElement), counting.format(this.#bytes));
    setText(byId("heartbeats", HTMLElement), counting.format(this.#heartbeats));
    setText(byId("last-event-id", HTMLElement), this.#connection?.lastEventId || "–");
    if (!this.#isHeld) setText(byId("frames", HTMLElement), this.#newest.join("\n\n"));
  }
}
