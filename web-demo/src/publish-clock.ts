// PublishClock: converts the server's times to the page's clock.
//
// The two clocks differ by an unknown amount, and every event takes some time to arrive. The smallest difference seen
// contains the least delay, so it is the best estimate.

export class PublishClock {
  #offset = Number.POSITIVE_INFINITY;

  /** Whether it has seen a time. */
  get isSet(): boolean {
    return this.#offset !== Number.POSITIVE_INFINITY;
  }

  /** When an event with the server's time `time` was published, in ms on the page's clock, never later than `now`. */
  toLocal(time: number, now: number): number {
    if (!Number.isFinite(time)) return now;
    this.#offset = Math.min(this.#offset, now - time);
    return time + this.#offset;
  }
}
