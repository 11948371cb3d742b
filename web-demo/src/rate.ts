// Rate: the number of events in the last second.

const slots = 10;
const slotMs = 100;

export class Rate {
  #counts = new Array<number>(slots).fill(0);
  #slot = 0;

  add(count: number, now: number): void {
    this.#advance(now);
    const slot = this.#slot % slots;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + count;
  }

  perSecond(now: number): number {
    this.#advance(now);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  #advance(now: number): void {
    const slot = Math.floor(now / slotMs);
    for (let next = Math.max(this.#slot + 1, slot - slots + 1); next <= slot; ++next) this.#counts[next % slots] = 0;
    this.#slot = Math.max(this.#slot, slot);
  }
}
