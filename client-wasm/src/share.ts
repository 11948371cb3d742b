// SharedConnection: one connection for all pages of an origin with equal requests. Web Locks elect the page that has
// it, the leader; a BroadcastChannel carries its events to the others. When the leader is closed, another page gets the
// lock and resumes from the last ID that it has seen.
//
// The leader numbers the events, and each number means the same event on every page. So a page recognizes an event that
// arrives twice because the new leader was behind, and one that is missing because the new leader was ahead: it
// requests the missing one. Every page remembers the newest events for such requests.

import type { ConnectionOwner, CoreConnection, Loss } from "./connection.js";
import type { CoreEvent } from "./core.js";
import { gapType } from "./shared-values.js";
import type { TransportName } from "./types.js";

/** Bounds on the events that a page remembers. Requests beyond them get a gap. */
const maxEvents = 1024;
const maxCharacters = 4_194_304;

interface Numbered {
  readonly number: number;
  readonly event: CoreEvent;
}

interface State {
  readonly number: number;
  /** The leader is new and does not know what the others have. */
  readonly isNew: boolean;
  readonly readyState: number;
  readonly lastEventId: string;
  readonly transport: TransportName;
}

/** `term` counts leaders, so that pages ignore late messages of an earlier one. */
type Message =
  | { kind: "event"; term: number; numbered: Numbered }
  | { kind: "state"; term: number; state: State }
  | { kind: "lost"; term: number; loss: Loss }
  /** To one page: the number of its first event, and whether its ID was known. */
  | { kind: "welcome"; term: number; page: number; next: number; isKnown: boolean }
  /** To the leader. A page without a number begins with the next event, or after the one with its ID. */
  | { kind: "join"; page: number; number: number | undefined; lastEventId: string }
  /** To a new leader: this page's position. */
  | { kind: "ahead"; number: number; lastEventId: string };

export class SharedConnection {
  readyState = 0;
  lastEventId: string;
  transport: { readonly name: TransportName };
  readonly #owner: ConnectionOwner;
  readonly #lead: (owner: ConnectionOwner, lastEventId: string) => CoreConnection;
  readonly #name: string;
  /** Number of the unanswered question, new each time, because an answer to an older one is out of date. 0: none. */
  #asked = 0;
  #channel: BroadcastChannel | undefined;
  #leaving = new AbortController();
  #core: CoreConnection | undefined;
  #term = 0;
  /** Number of the owner's newest event; undefined until the beginning is known. */
  #number: number | undefined;
  /** Number of the newest event. For the leader. */
  #newest = 0;
  #remembered: Numbered[] = [];
  #characters = 0;
  #isFull = false;
  #isNew = false;

  /** `name` identifies the request; `lead` makes the connection if this page becomes the leader. */
  constructor(
    owner: ConnectionOwner,
    name: string,
    lead: (owner: ConnectionOwner, lastEventId: string) => CoreConnection,
    transport: TransportName,
    lastEventId: string,
  ) {
    this.#owner = owner;
    this.#name = `millrace:${name}`;
    this.#lead = lead;
    this.transport = { name: transport };
    this.lastEventId = lastEventId;
  }

  start(): void {
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    const held = () =>
      new Promise<void>((release) => {
        signal.addEventListener("abort", () => release());
        this.#isNew = this.#number === undefined;
        this.#begin(this.#number ?? 0);
      });
    navigator.locks.request(this.#name, { signal }, held).catch((error) => {
      if (!signal.aborted) this.#break(error);
    });
    this.#ask();
  }

  /** Calls the owner no more. If this page had the connection, another page takes over. */
  close(): void {
    this.#leave();
    this.readyState = 2;
  }

  /** Leaves the group while the page rests: it answers no requests, and another page has the connection. */
  setAside(): void {
    this.#leave();
    this.readyState = 0;
  }

  takeBack(): void {
    this.start();
  }

  networkBack(): void {
    this.#core?.networkBack();
  }

  /** Only if this page has the connection. */
  restart(): void {
    this.#core?.restart();
  }

  #leave(): void {
    this.#core?.close();
    this.#core = undefined;
    this.#channel?.close();
    this.#channel = undefined;
    this.#leaving.abort();
  }

  #break(error: unknown): void {
    this.close();
    this.#owner.broken(error);
  }

  /** Sends to all pages, including this one. */
  #tell(message: Message): void {
    this.#channel?.postMessage(message);
    this.#hear(message);
  }

  #hear(message: Message): void {
    if (!this.#channel) return;
    if (message.kind === "join") this.#answer(message);
    else if (message.kind === "ahead") this.#catchUp(message);
    else if (message.term >= this.#term) this.#hearLeader(message);
  }

  #hearLeader(message: Exclude<Message, { kind: "join" | "ahead" }>): void {
    if (message.term > this.#term) this.#asked = 0;
    this.#term = message.term;
    if (message.kind === "event") this.#accept(message.numbered);
    else if (message.kind === "state") this.#follow(message.state);
    else if (message.kind === "lost") this.#lose(message.loss);
    else if (message.page === this.#asked) this.#enter(message);
  }

  // --- As the leader ---

  /** `number` is that of the last event before this page became the leader. */
  #begin(number: number): void {
    this.#number = number;
    this.#newest = number;
    this.#term += 1;
    this.#asked = 0;
    this.readyState = 0;
    this.#core = this.#lead(
      {
        ...this.#owner,
        full: () => undefined, // a slow page must not hold up the others
        opened: () => this.#tellState(),
        // Only after the event that came with the ID is published, so that no page takes the ID for that of the event
        // before.
        identified: async () => {
          await undefined;
          if (this.#core?.lastEventId !== this.lastEventId) this.#tellState();
        },
        received: (event) => this.#publish(event),
        lost: (loss) => this.#tell({ kind: "lost", term: this.#term, loss }),
        broken: (error) => this.#break(error),
      },
      this.lastEventId,
    );
    this.transport = this.#core.transport;
    this.#core.start();
    this.#tellState();
  }

  #publish({ kind, ...event }: CoreEvent): void {
    this.#isNew = false; // it is too late to begin elsewhere
    this.#newest += 1;
    const numbered = { number: this.#newest, event };
    this.#remember(numbered);
    this.#tell({ kind: "event", term: this.#term, numbered });
  }

  #tellState(): void {
    if (!this.#core) return;
    const { readyState, lastEventId, transport } = this.#core;
    const state = { number: this.#newest, isNew: this.#isNew, readyState, lastEventId, transport: transport.name };
    this.#tell({ kind: "state", term: this.#term, state });
  }

  #answer({ page, number, lastEventId }: Message & { kind: "join" }): void {
    if (!this.#core) return;
    const term = this.#term;
    const begin = number ?? this.#numberOf(lastEventId);
    const next = Math.max((begin ?? this.#newest) + 1, this.#remembered[0]?.number ?? this.#newest + 1);
    this.#tell({ kind: "welcome", term, page, next, isKnown: begin !== undefined || lastEventId === "" });
    for (const numbered of this.#remembered) if (numbered.number >= next) this.#tell({ kind: "event", term, numbered });
    this.#tellState();
  }

  /** undefined if the event is not remembered. */
  #numberOf(lastEventId: string): number | undefined {
    if (lastEventId === "") return undefined;
    if (lastEventId === this.#core?.lastEventId) return this.#newest;
    return this.#remembered.filter(({ event }) => event.lastEventId === lastEventId).at(-1)?.number;
  }

  #catchUp({ number, lastEventId }: Message & { kind: "ahead" }): void {
    if (!this.#core || !this.#isNew) return;
    this.#isNew = false;
    this.#core.close();
    this.lastEventId = lastEventId;
    this.#begin(number);
  }

  // --- As any page ---

  #ask(): void {
    if (this.#asked) return;
    this.#asked = Math.random();
    this.#tell({ kind: "join", page: this.#asked, number: this.#number, lastEventId: this.lastEventId });
  }

  #enter({ next, isKnown }: Message & { kind: "welcome" }): void {
    this.#asked = 0;
    const hasMissed = this.#number === undefined ? !isKnown : next > this.#number + 1;
    this.#number = next - 1;
    if (!hasMissed) return;
    const { lastEventId } = this;
    const data = JSON.stringify({ lastEventId, reason: isKnown ? "expired" : "unknown" });
    this.#owner.received({ type: gapType, data, lastEventId, hasId: false }, 1);
  }

  #follow({ number, isNew, readyState, lastEventId, transport }: State): void {
    if (isNew && !this.#core && this.#number) {
      this.#tell({ kind: "ahead", number: this.#number, lastEventId: this.lastEventId });
      return;
    }
    if (!this.#core) this.transport = { name: transport };
    if (this.#number === number && !this.#isFull) this.lastEventId = lastEventId;
    else if (this.#number === undefined || this.#number < number) this.#ask();
    const opens = readyState === 1 && this.readyState !== 1;
    this.readyState = readyState;
    if (opens) this.#owner.opened();
  }

  #lose(loss: Loss): void {
    if (loss.reconnectIn === null) this.close();
    else this.readyState = 0;
    this.#owner.lost(loss);
  }

  #accept(numbered: Numbered): void {
    const { number, event } = numbered;
    if (this.#number === undefined || this.#isFull) return;
    if (number > this.#number + 1) {
      this.#ask();
      return;
    }
    if (number <= this.#number) {
      // Already seen, unless a new leader has lost count, which happens if events have no IDs from which to resume.
      const seen = this.#remembered.find((entry) => entry.number === number)?.event;
      const isSame = seen?.lastEventId === event.lastEventId && seen.type === event.type && seen.data === event.data;
      if (isSame) return;
    } else {
      this.#number = number;
      if (!this.#core) this.#remember(numbered);
    }
    this.lastEventId = event.lastEventId;
    this.#owner.received(event, 1);
    const full = this.#owner.full?.();
    if (!full) return;
    this.#isFull = true;
    full.then(() => {
      this.#isFull = false;
      this.#ask();
    });
  }

  #remember(numbered: Numbered): void {
    this.#remembered.push(numbered);
    this.#characters += numbered.event.data.length;
    while (this.#remembered.length > maxEvents || this.#characters > maxCharacters) {
      const gone = this.#remembered.shift();
      if (!gone) return;
      this.#characters -= gone.event.data.length;
    }
  }
}
