// message-target.ts for Node.js: calls the listeners of messages itself, if all are functions that were added without
// options. Otherwise, a message becomes an Event, and the platform dispatches it.

import { getEventListeners } from "node:events";
import { type Batch, type Listener, Message, prepareLightMessages } from "./light-message.js";

export { messageOf } from "./light-message.js";

type Given = EventListenerOrEventListenerObject | null;
type Options = Parameters<EventTarget["addEventListener"]>[2];

/** Puts the fields of a derived class on an object that is there already. */
class Existing {
  constructor(target: object) {
    // biome-ignore lint/correctness/noConstructorReturn: what it is for
    return target;
  }
}

/** A source's listeners. They are fields of the source, so that its class still extends EventTarget itself. */
class Listeners extends Existing {
  /** By type; null: among them are some with options, or objects. */
  readonly #byType = new Map<string, readonly Listener[] | null>();
  // Of the newest message: its type and its batch, and whom to call; undefined: the platform does it.
  #type = "";
  #batch: Batch | undefined;
  #called: readonly Listener[] | undefined;

  static add(source: object, type: string, callback: Given, options: Options): void {
    if (!callback || !(#byType in source)) return;
    const before = source.#byType.get(type);
    if (options || typeof callback !== "function") Listeners.#set(source, type, null);
    else if (before !== null && !before?.some((listener) => listener.callback === callback)) {
      const added = { callback: callback as Listener["callback"], isRemoved: false };
      Listeners.#set(source, type, [...(before ?? []), added]);
    }
  }

  static remove(source: object, type: string, callback: Given, options: Options): void {
    const isCapturing = Object(options) === options ? (options as AddEventListenerOptions).capture : options;
    if (isCapturing || !(#byType in source)) return;
    const before = source.#byType.get(type);
    const removed = before?.find((listener) => listener.callback === callback);
    if (!before || !removed) return;
    removed.isRemoved = true;
    const kept = before.filter((listener) => listener !== removed);
    Listeners.#set(source, type, kept);
  }

  /** Whom to call with a message; undefined: the platform does it. */
  static calledWith(source: object, message: Message): readonly Listener[] | undefined {
    if (!(#byType in source)) return undefined;
    const batch = Message.batchOf(message);
    if (source.#batch !== batch || source.#type !== message.type) {
      source.#batch = batch;
      source.#type = message.type;
      const known = source.#byType.get(message.type);
      const listeners = known ?? [];
      // A program may also have called EventTarget's own methods.
      const all = getEventListeners(source as unknown as EventTarget, message.type);
      const isSame = all.length === listeners.length && listeners.every(({ callback }, i) => callback === all[i]);
      source.#called = isSame && known !== null ? listeners : undefined;
    }
    return source.#called;
  }

  static #set(source: Listeners, type: string, listeners: readonly Listener[] | null): void {
    source.#byType.set(type, listeners);
    source.#batch = undefined;
  }
}

/** Call it for each source. */
export function prepareMessages(source: EventTarget): void {
  prepareLightMessages();
  new Listeners(source);
}

// The platform's methods are looked up at each call, because programs replace them.
const platform = EventTarget.prototype;
const methods = {
  addEventListener(this: EventTarget, type: string, callback: Given, ...[options]: [Options?]): void {
    platform.addEventListener.call(this, type, callback, options);
    Listeners.add(this, `${type}`, callback, options);
  },
  removeEventListener(this: EventTarget, type: string, callback: Given, ...[options]: [Options?]): void {
    platform.removeEventListener.call(this, type, callback, options);
    Listeners.remove(this, `${type}`, callback, options);
  },
  dispatchEvent(this: EventTarget, event: Event): boolean {
    if (!Message.isNew(event)) {
      if (Message.isBeingDispatched(event))
        throw new DOMException("the event is being dispatched", "InvalidStateError");
      return platform.dispatchEvent.call(this, event);
    }
    const listeners = Listeners.calledWith(this, event);
    if (!listeners) return platform.dispatchEvent.call(this, Message.asEvent(event));
    Message.dispatch(event, this, listeners);
    return true;
  },
};

/** Gives the class of sources methods that do this. */
export function dispatching<Target extends { readonly prototype: object }>(implementation: Target): Target {
  for (const [name, value] of Object.entries(methods)) {
    // Enumerable as the platform's own: otherwise it would hide that name from `for (const name in source)`.
    Object.defineProperty(implementation.prototype, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return implementation;
}
