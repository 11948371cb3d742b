// FeedView: the latest events as they are, newest first, with the last cut marked among them. The rows stand still and
// only their text changes, so nothing on the page moves; the mark stays in the last row once events have passed it.

import type { Arrival, Outage } from "./arrival.js";
import { make, setText } from "./dom.js";
import { seconds, shortened } from "./words.js";

const rowCount = 12;

interface Row {
  readonly item: HTMLLIElement;
  readonly id: HTMLElement;
  readonly type: HTMLElement;
  readonly data: HTMLElement;
}

export class FeedView {
  #rows: Row[] = [];
  #newest: (Arrival | Outage)[] = [];
  #outage: Outage | undefined;

  constructor(list: HTMLOListElement) {
    for (let i = 0; i < rowCount; ++i) {
      const row = {
        item: make("li", ""),
        id: make("span", "event-id"),
        type: make("span", "event-type"),
        data: make("span", "event-data"),
      };
      row.item.append(row.id, row.type, row.data);
      list.append(row.item);
      this.#rows.push(row);
    }
  }

  add(arrival: Arrival): void {
    this.#push(arrival);
  }

  /** Marks the place of a cut; the words follow what becomes of the outage. */
  addMark(outage: Outage): void {
    this.#outage = outage;
    this.#push(outage);
  }

  draw(): void {
    const shown = [...this.#newest];
    if (this.#outage && !shown.includes(this.#outage)) shown[rowCount - 1] = this.#outage;
    this.#rows.forEach((row, i) => {
      drawRow(row, shown[i]);
    });
  }

  #push(entry: Arrival | Outage): void {
    this.#newest.unshift(entry);
    if (this.#newest.length > rowCount) this.#newest.pop();
  }
}

function drawRow(row: Row, entry: Arrival | Outage | undefined): void {
  const isCut = entry !== undefined && "lostAt" in entry;
  row.item.className = isCut ? "cut-mark" : entry?.late ? "event late" : "event";
  setText(row.id, isCut ? cutText(entry) : (entry?.id ?? ""));
  setText(row.type, isCut ? "" : (entry?.type ?? ""));
  setText(row.data, isCut ? "" : shortened(entry?.text ?? "", 200));
}

function cutText({ lostAt, resumedAt, resumedId }: Outage): string {
  if (resumedAt === undefined) return "Cut here, not resumed yet";
  return `Cut here, resumed after ${seconds(resumedAt - lostAt)} at ID ${resumedId}`;
}
