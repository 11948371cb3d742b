// EventStreamParser: the bytes of an event stream in, events out, for those who bring their own transport.

import { Kind } from "./abi.js";
import { type CoreEvent, coreNow, loadCore, maxInputBytes, type Signal } from "./core.js";
import { Parser } from "./parser.js";
import type { ServerEvent } from "./types.js";

/** Where a parser begins, and what it reports besides events. */
export interface ParserOptions {
  /** What the last event ID is until the stream sets one. */
  lastEventId?: string;
  /** Called with each comment, without the colon. */
  onComment?: (comment: string) => void;
  /** Called with each reconnection time the stream sets, in milliseconds. */
  onRetry?: (retry: number) => void;
}

/** Made when the first parser is: importing the package touches nothing that a platform may lack. */
let abandoned: FinalizationRegistry<Parser> | undefined;

/** Resolves once the core can be used at once, also where WebAssembly may not be compiled. */
export async function ready(): Promise<void> {
  await loadCore();
}

/** Whether everything in the list is an event, as is the rule. */
function areEvents(signals: Signal[]): signals is CoreEvent[] {
  for (const { kind } of signals) if (kind !== undefined) return false;
  return true;
}

/**
 * Bytes of an event stream in, events out: the core's parser, for those who bring their own transport. Holds memory of the
 * core's until close(), or until it is collected.
 */
export class EventStreamParser {
  readonly #options: ParserOptions;
  readonly #parser: Parser;

  /** Throws where WebAssembly may not be compiled (at once): `await ready()` before. */
  constructor(options: ParserOptions = {}) {
    this.#options = options;
    this.#parser = new Parser(coreNow(), options.lastEventId);
    abandoned ??= globalThis.FinalizationRegistry && new FinalizationRegistry((parser) => parser.close());
    abandoned?.register(this, this.#parser, this);
  }

  /** The last event ID string: what a reconnection would send. */
  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /**
   * The events that the chunk completes. Chunks may be split anywhere. Throws a RangeError once a line or an event exceeds
   * 16 MiB, and again until reset().
   */
  feed(chunk: Uint8Array): ServerEvent[] {
    if (chunk.length <= maxInputBytes) return this.#feed(chunk);
    const events: ServerEvent[] = [];
    for (let begin = 0; begin < chunk.length; begin += maxInputBytes) {
      for (const event of this.#feed(chunk.subarray(begin, begin + maxInputBytes))) events.push(event);
    }
    return events;
  }

  /** A new stream begins: what was incomplete is dropped; the last event ID stays. */
  reset(): void {
    this.#parser.reset();
  }

  /** Frees its memory at once, which is else left to the garbage collector. Nothing may be called after. */
  close(): void {
    abandoned?.unregister(this);
    this.#parser.close();
  }

  #feed(chunk: Uint8Array): ServerEvent[] {
    const signals = this.#parser.feed(chunk);
    if (areEvents(signals)) return signals;
    const { onComment, onRetry } = this.#options;
    return signals.filter((signal): signal is CoreEvent => {
      if (signal.kind === Kind.comment) onComment?.(signal.text);
      else if (signal.kind === Kind.retry) onRetry?.(signal.a);
      else if (signal.kind === Kind.tooLarge) throw new RangeError("an event or a line of the stream exceeds 16 MiB");
      return signal.kind === undefined;
    });
  }
}
