// FeedView: the latest events as they are, newest first, and the marks of cuts among them. Rows have one height and the
// list has a bound; the newest mark sticks to the lower edge, else it would be out of sight within seconds.

import type { Arrival, Outage } from "./arrival.ts";
import { make } from "./dom.ts";
import { seconds, shortened } from "./words.ts";

const maxRows = 120;

interface Mark {
  readonly outage: Outage;
  readonly row: HTMLLIElement;
  drawn: string;
}

export class FeedView {
  #list: HTMLOListElement;
  #pending: HTMLLIElement[] = [];
  #mark: Mark | undefined;

  constructor(list: HTMLOListElement) {
    this.#list = list;
  }

  add(arrival: Arrival): void {
    const row = make("li", arrival.late ? "event late" : "event");
    row.append(
      make("span", "event-id", arrival.id),
      make("span", "event-type", arrival.type),
      make("span", "event-data", shortened(arrival.text, 200)),
    );
    this.#insert(row);
  }

  /** Marks the place of a cut; its words follow what becomes of the outage. */
  addMark(outage: Outage): void {
    this.#mark?.row.classList.remove("newest");
    this.#mark = { outage, row: make("li", "mark-row newest"), drawn: "" };
    this.#insert(this.#mark.row);
  }

  draw(): void {
    this.#drawMark();
    if (this.#pending.length === 0) return;
    this.#list.prepend(...this.#pending.reverse());
    this.#pending = [];
    while (this.#list.childElementCount > maxRows) this.#list.lastElementChild?.remove();
    if (this.#mark && !this.#list.contains(this.#mark.row)) this.#list.append(this.#mark.row);
  }

  #insert(row: HTMLLIElement): void {
    this.#pending.push(row);
    if (this.#pending.length > maxRows) this.#pending.shift();
  }

  #drawMark(): void {
    if (!this.#mark) return;
    const text = markText(this.#mark.outage);
    if (text !== this.#mark.drawn) this.#mark.row.textContent = this.#mark.drawn = text;
  }
}

function markText({ lostAt, resumedAt, resumedId, caughtUp }: Outage): string {
  if (resumedAt === undefined) return "Cut here, not resumed yet";
  const events = caughtUp === 1 ? "1 event" : `${caughtUp} events`;
  return `Cut here, resumed after ${seconds(resumedAt - lostAt)} at ID ${resumedId}; ${events} caught up`;
}
