// Tally: the proof. Counts received, missing and duplicate events by their counters and IDs.

/** The page's position at some moment, to return to. */
export interface Mark {
  readonly id: string;
  readonly at: number;
  readonly place: Place;
}

interface Place {
  /** Of the last event with an ID of the log's own, `<epoch>-<sequence>`. */
  readonly epoch: string;
  readonly sequence: number;
  /** The last counter of each series of events. */
  readonly counters: ReadonlyMap<string, number>;
}

export class Tally {
  received = 0;
  missed = 0;
  doubled = 0;

  #epoch = "";
  #sequence = 0;
  #counters = new Map<string, number>();
  #skips = false;

  /** Counts an event; `series` and `counter` are its own, undefined for events that people publish. */
  count(id: string, series: string, counter: unknown): void {
    this.received += 1;
    if (this.#isRepeated(id)) {
      this.doubled += 1;
      return;
    }
    if (typeof counter !== "number") return;
    const last = this.#counters.get(series);
    if (last !== undefined && counter <= last) {
      this.doubled += 1;
      return;
    }
    if (last !== undefined && !this.#skips) this.missed += counter - last - 1;
    this.#counters.set(series, counter);
  }

  mark(id: string, at: number): Mark {
    return { id, at, place: { epoch: this.#epoch, sequence: this.#sequence, counters: new Map(this.#counters) } };
  }

  /** The page returns to a mark on purpose: events after it arrive again and do not count as duplicates. */
  rewind({ place }: Mark): void {
    this.#epoch = place.epoch;
    this.#sequence = place.sequence;
    this.#counters = new Map(place.counters);
  }

  /** Forgets what was counted, after a change of the log or topics. `skips`: the page requests holes in the counters. */
  rebase(skips: boolean): void {
    this.#skips = skips;
    this.#epoch = "";
    this.#counters.clear();
  }

  // Events arrive in the log's order, so a sequence that is not beyond the last one is a duplicate.
  #isRepeated(id: string): boolean {
    const dash = id.lastIndexOf("-");
    const sequence = dash > 0 ? Number(id.slice(dash + 1)) : Number.NaN;
    if (!Number.isInteger(sequence)) return false; // a publisher's own ID
    const epoch = id.slice(0, dash);
    const repeated = epoch === this.#epoch && sequence <= this.#sequence;
    if (!repeated) {
      this.#epoch = epoch;
      this.#sequence = sequence;
    }
    return repeated;
  }
}
