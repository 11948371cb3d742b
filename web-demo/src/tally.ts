// Tally: the proof. Counts what came, what never came and what came twice, from the ticks' counter and the event IDs.

const maxRecentIds = 4096;

export class Tally {
  received = 0;
  missed = 0;
  doubled = 0;

  #lastCounter: number | undefined;
  #recentIds = new Set<string>();

  /** Counts an event; `counter` is the tick's own number, nothing for other events. */
  count(id: string, counter: number | undefined): void {
    this.received += 1;
    const repeated = this.#isRepeatedId(id);
    if (counter === undefined) {
      if (repeated) this.doubled += 1;
      return;
    }
    const expected = this.#lastCounter === undefined ? counter : this.#lastCounter + 1;
    if (repeated || counter < expected) {
      this.doubled += 1;
      return;
    }
    this.missed += counter - expected;
    this.#lastCounter = counter;
  }

  /** The server's log has begun anew, its counter with it: what was before can no longer be compared. */
  rebase(): void {
    this.#lastCounter = undefined;
    this.#recentIds.clear();
  }

  #isRepeatedId(id: string): boolean {
    if (id === "") return false;
    if (this.#recentIds.has(id)) return true;
    this.#recentIds.add(id);
    if (this.#recentIds.size > maxRecentIds) {
      const [oldest] = this.#recentIds;
      if (oldest !== undefined) this.#recentIds.delete(oldest);
    }
    return false;
  }
}
