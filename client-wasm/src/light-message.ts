// The messages of EventSource in Node.js, where an Event's constructor takes longer than receiving, parsing and
// dispatching an event of the stream. A Message has a MessageEvent's prototype and its members, but Event's constructor has
// not made it; message-target-node.ts dispatches it.

import { getEventListeners } from "node:events";
import type { CoreEvent } from "./core.js";
import * as events from "./message.js";

/** A listener that is a function without options. */
export interface Listener {
  readonly callback: (this: EventTarget, event: unknown) => unknown;
  isRemoved: boolean;
}

/** Reports an error as the platform reports a listener's. */
function report(error: unknown): void {
  const target = new EventTarget();
  target.addEventListener("error", () => {
    throw error;
  });
  target.dispatchEvent(new Event("error"));
}

/** Where Node.js's EventTarget keeps an event's target, whether it is being dispatched, and whether that ends at once. */
interface PlatformKeys {
  readonly target: symbol;
  readonly runs: symbol;
  readonly endsAtOnce: symbol;
}

/** Looks for them in an event of the platform's; undefined: the platform is another. */
function platformKeys(): PlatformKeys | undefined {
  const dispatcher = new EventTarget();
  const event = new Event("probe") as Event & Record<symbol, unknown>;
  const keyOf = (value: unknown) => Object.getOwnPropertySymbols(event).find((key) => event[key] === value);
  let [target, runs]: (symbol | undefined)[] = [];
  dispatcher.addEventListener("probe", () => {
    [target, runs] = [keyOf(dispatcher), keyOf(true)];
  });
  dispatcher.dispatchEvent(event);
  event.stopImmediatePropagation();
  const endsAtOnce = keyOf(true);
  return target && runs && endsAtOnce && { target, runs, endsAtOnce };
}

/** What the messages of a batch have in common. */
export interface Batch {
  readonly origin: string;
  readonly timeStamp: number;
}

/** The standard's flags of an event that is being dispatched. [DOM 2.2] */
enum Dispatch {
  runs = 1,
  stopped = 2,
  endsAtOnce = 4,
}

export class Message {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
  readonly #batch: Batch;
  #target: EventTarget | null = null;
  #flags = 0;

  constructor(type: string, data: string, lastEventId: string, batch: Batch) {
    this.type = type;
    this.data = data;
    this.lastEventId = lastEventId;
    this.#batch = batch;
  }

  /** Whether it is one that has not been dispatched yet. */
  static isNew(event: object): event is Message {
    return #target in event && event.#target === null;
  }

  static isBeingDispatched(event: object): boolean {
    return #flags in event && event.#is(Dispatch.runs);
  }

  static batchOf(message: Message): Batch {
    return message.#batch;
  }

  static asEvent({ type, data, lastEventId, origin }: Message): Event {
    return events.messageOf(type, data, lastEventId, origin) as unknown as Event;
  }

  /**
   * Lets the platform's EventTarget dispatch messages, too, if a program asks it to: what it reads and sets by its keys
   * is the message's own state.
   */
  static prepareForPlatform(keys: PlatformKeys): void {
    Object.defineProperties(Message.prototype, {
      [keys.target]: {
        get(this: Message) {
          return this.#target;
        },
        set(this: Message, target: EventTarget) {
          this.#target = target;
        },
      },
      [keys.runs]: {
        get(this: Message) {
          return this.#is(Dispatch.runs);
        },
        set(this: Message, runs: boolean) {
          // Node.js sets false after each listener, so the other flags stay.
          this.#flags = runs ? this.#flags | Dispatch.runs : this.#flags & ~Dispatch.runs;
        },
      },
      [keys.endsAtOnce]: {
        get(this: Message) {
          return this.#is(Dispatch.endsAtOnce);
        },
      },
    });
  }

  /** [DOM 2.9, "inner invoke"] */
  static dispatch(message: Message, target: EventTarget, listeners: readonly Listener[]): void {
    message.#target = target;
    message.#flags = Dispatch.runs;
    for (const listener of listeners) {
      if (listener.isRemoved) continue;
      try {
        const result = listener.callback.call(target, message) as Partial<Promise<unknown>> | undefined;
        // As Node.js does it.
        if (typeof result === "object" && typeof result?.then === "function") result.then(undefined, report);
      } catch (error) {
        report(error);
      }
      if (message.#is(Dispatch.endsAtOnce)) break;
    }
    message.#flags = 0;
  }

  #is(flag: Dispatch): boolean {
    return (this.#flags & flag) !== 0;
  }

  get origin(): string {
    return this.#batch.origin;
  }
  get timeStamp(): number {
    return this.#batch.timeStamp;
  }
  get ports(): readonly never[] {
    return events.ports;
  }
  get target(): EventTarget | null {
    return this.#target;
  }
  get srcElement(): EventTarget | null {
    return this.#target;
  }
  get currentTarget(): EventTarget | null {
    return this.#is(Dispatch.runs) ? this.#target : null;
  }
  get eventPhase(): number {
    return this.currentTarget ? 2 : 0;
  }
  composedPath(): EventTarget[] {
    const { currentTarget } = this;
    return currentTarget ? [currentTarget] : [];
  }
  stopPropagation(): void {
    this.#flags |= Dispatch.stopped;
  }
  stopImmediatePropagation(): void {
    this.#flags |= Dispatch.stopped | Dispatch.endsAtOnce;
  }
  get cancelBubble(): boolean {
    return this.#is(Dispatch.stopped);
  }
  set cancelBubble(value: unknown) {
    if (value) this.stopPropagation();
  }
  get bubbles(): boolean {
    return false;
  }
  get cancelable(): boolean {
    return false;
  }
  get composed(): boolean {
    return false;
  }
  get isTrusted(): boolean {
    return false;
  }
  get defaultPrevented(): boolean {
    return false;
  }
  get returnValue(): boolean {
    return true;
  }
  set returnValue(_: unknown) {}
  preventDefault(): void {}
  initEvent(): void {}

  [Symbol.for("nodejs.util.inspect.custom")](
    _: number,
    options: object,
    inspect: (...what: object[]) => string,
  ): string {
    return `MessageEvent ${inspect({ ...this }, options)}`;
  }
}

/** Whether messages can be of this class, found out with the first source. */
let isLight: boolean | undefined;

export function prepareLightMessages(): void {
  events.prepareMessages();
  if (isLight !== undefined) return;
  const { prototype } = Message as { prototype: object };
  const names = [...Object.keys(new Message("", "", "", noBatch)), ...Object.getOwnPropertyNames(prototype)];
  for (const name of Object.getOwnPropertyNames(prototype)) {
    // Node.js 18 has no initEvent().
    if (name === "constructor" || !(name in MessageEvent.prototype)) Reflect.deleteProperty(prototype, name);
    else Object.defineProperty(prototype, name, { enumerable: true });
  }
  // CoreConnection asks each signal for it. Found here, it is not looked for in the platform's prototypes, which is slow.
  Object.defineProperty(prototype, "kind", { value: undefined });
  // Those that are fields, too, because compilers like Babel make assignments of fields.
  for (const name of [...Object.keys(MessageEvent.prototype), "type"]) {
    if (!Object.hasOwn(prototype, name)) {
      Object.defineProperty(prototype, name, { value: null, enumerable: true, writable: true });
    }
  }
  Object.setPrototypeOf(prototype, MessageEvent.prototype);
  const isKnown = ([name, { value }]: [string, PropertyDescriptor]) =>
    names.includes(name) || typeof value === "number";
  isLight = Object.entries(Object.getOwnPropertyDescriptors(Event.prototype)).every(isKnown) && isTaken();
}

/** Whether the platform's targets are Node.js's, and dispatch such a message, as a program may ask them to. */
function isTaken(): boolean {
  const message = new Message("probe", "", "", noBatch);
  const target = new EventTarget();
  const taken: unknown[] = [];
  const listen = () =>
    target.addEventListener("probe", (event) => {
      taken.push(event, event.currentTarget);
      event.stopImmediatePropagation();
    });
  listen();
  listen();
  try {
    const keys = platformKeys();
    if (!keys) return false;
    Message.prepareForPlatform(keys);
    target.dispatchEvent(message as unknown as Event);
    const [event, current, ...more] = taken;
    const isRight = event === message && current === target && more.length === 0 && message.currentTarget === null;
    return isRight && getEventListeners(target, message.type).length === 2;
  } catch {
    return false;
  }
}

const noBatch: Batch = { origin: "", timeStamp: 0 };

/** The batch whose messages are being made; undefined afterwards. */
let batch: Batch | undefined;
const done = Promise.resolve();
const forget = () => {
  batch = undefined;
};

export function messageOf(type: string, data: string, lastEventId: string, origin: string): CoreEvent {
  if (!isLight) return events.messageOf(type, data, lastEventId, origin);
  if (batch?.origin !== origin) {
    batch = { origin, timeStamp: performance.now() };
    done.then(forget);
  }
  return new Message(type, data, lastEventId, batch) as unknown as CoreEvent;
}
