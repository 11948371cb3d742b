// Lists: the tables of subscriptions and topics. Both are bounded, and say what they leave out.

import { byId, make, setText } from "../src/dom.js";
import type { Subscription } from "./admin.js";

const shownRows = 200;
const maxTopics = 10_000; // of those that were seen on the wire

const counting = new Intl.NumberFormat("en");

/** `1 h 4 min`, `3 min 12 s`, `9 s`. */
export function lasting(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export class Lists {
  readonly #subscriptions = byId("subscriptions", HTMLTableSectionElement);
  readonly #topics = byId("topics", HTMLTableSectionElement);
  readonly #seen = new Map<string, { events: number; lastId: string }>();
  #unseen = 0;
  #streamsOf = new Map<string, number>();

  showSubscriptions(all: readonly Subscription[]): void {
    // The longest open first: a row keeps its place while others come and go.
    const shown = [...all].sort((one, other) => other.ageMs - one.ageMs).slice(0, shownRows);
    this.#subscriptions.replaceChildren(
      ...shown.map(({ topics, user, client, address, ageMs, live }) =>
        row(topics.join(" "), user, client, address, lasting(ageMs), live ? "live" : "catching up"),
      ),
    );
    const note = byId("subscriptions-note", HTMLElement);
    setText(note, all.length === 0 ? "Nobody is connected." : leftOut(all.length, "streams, the longest open first"));
    setText(byId("streams", HTMLElement), counting.format(all.length));
    setText(byId("catching-up", HTMLElement), counting.format(all.filter(({ live }) => !live).length));
    this.#streamsOf = new Map();
    for (const { topics } of all) {
      for (const topic of topics) this.#streamsOf.set(topic, (this.#streamsOf.get(topic) ?? 0) + 1);
    }
    this.showTopics();
  }

  /** An event of the topic has come over the wire. */
  count(topic: string, lastId: string): void {
    const known = this.#seen.get(topic);
    if (known) {
      known.events += 1;
      known.lastId = lastId;
    } else if (this.#seen.size < maxTopics) this.#seen.set(topic, { events: 1, lastId });
    else this.#unseen += 1;
  }

  showTopics(): void {
    const names = [...new Set([...this.#streamsOf.keys(), ...this.#seen.keys()])];
    const weight = (name: string) => (this.#streamsOf.get(name) ?? 0) + (this.#seen.get(name)?.events ?? 0);
    names.sort((one, other) => weight(other) - weight(one) || one.localeCompare(other));
    this.#topics.replaceChildren(
      ...names.slice(0, shownRows).map((name) => {
        const seen = this.#seen.get(name);
        const [streams, events] = [this.#streamsOf.get(name) ?? 0, seen?.events ?? 0].map((n) => counting.format(n));
        const made = row(name, streams ?? "", events ?? "", seen?.lastId ?? "");
        for (const cell of [...made.children].slice(1, 3)) cell.className = "number";
        return made;
      }),
    );
    const more = this.#unseen > 0 ? ` Events of further topics: ${counting.format(this.#unseen)}.` : "";
    setText(byId("topics-note", HTMLElement), leftOut(names.length, "topics, the busiest first") + more);
  }
}

function leftOut(count: number, what: string): string {
  return count > shownRows ? `${counting.format(shownRows)} of ${counting.format(count)} ${what}.` : "";
}

function row(...texts: string[]): HTMLTableRowElement {
  const made = document.createElement("tr");
  for (const text of texts) made.append(make("td", text === "catching up" ? "late" : "", text));
  return made;
}
