// Admin: the server's routes as an administrator uses them. It keeps the key, in memory only.

import { type Connection, connect } from "millrace";
import { tapped } from "../src/frames.js";
import { parseJson } from "../src/parse-json.js";
import { sentenceIn } from "../src/refusal.js";

export interface Subscription {
  readonly topics: readonly string[];
  readonly client: string;
  readonly user: string;
  readonly address: string;
  readonly ageMs: number;
  readonly live: boolean;
}

export interface Publication {
  readonly topic: string;
  readonly event?: string;
  readonly id?: string;
  readonly data?: string;
  readonly retain?: boolean;
  readonly finish?: boolean;
}

/** A refusal, in a sentence. */
export class Refused extends Error {
  /** Whether another key may be accepted. */
  readonly needsKey: boolean;

  constructor(sentence: string, status: number) {
    super(sentence);
    this.needsKey = status === 401 || status === 403;
  }
}

const maxListCharacters = 64 * 1024 * 1024; // of all subscriptions of a large server

export class Admin {
  #key = "";

  get hasKey(): boolean {
    return this.#key !== "";
  }

  use(key: string): void {
    this.#key = key;
  }

  async subscriptions(): Promise<readonly Subscription[]> {
    const response = await this.#send("../subscriptions", {});
    return parseJson(await response.text(), maxListCharacters) as Subscription[];
  }

  /** Returns the event's ID; empty if the topic was only finished. */
  async publish(publication: Publication): Promise<string> {
    const response = await this.#send("../events", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(publication),
    });
    const { id } = parseJson(await response.text()) as { id?: unknown };
    return typeof id === "string" ? id : "";
  }

  /** A stream whose bytes `look` gets as they come. */
  listen(topics: readonly string[], lastEventId: string, look: (chunk: Uint8Array) => void): Connection {
    return connect(new URL("../events", location.href).href, {
      topics,
      transport: "fetch",
      headers: () => this.#headers(),
      fetch: tapped(look),
      ...(lastEventId === "" ? {} : { lastEventId }),
    });
  }

  #headers(): Record<string, string> {
    return this.hasKey ? { Authorization: `Bearer ${this.#key}` } : {};
  }

  async #send(path: string, { headers, ...init }: RequestInit): Promise<Response> {
    const response = await fetch(path, { ...init, headers: { ...headers, ...this.#headers() } }).catch(() => undefined);
    if (!response) throw new Error("The server does not answer.");
    if (response.ok) return response;
    const sentence = (await sentenceIn(response)) ?? `The server answered with status ${response.status}.`;
    throw new Refused(sentence, response.status);
  }
}
