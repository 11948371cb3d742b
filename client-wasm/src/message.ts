// The events that EventSource dispatches. A MessageEvent's constructor takes longer than receiving the event (in Chromium
// ten times as long as an Event's): it converts each member of a dictionary by the rules of Web IDL. So this is an Event
// with a MessageEvent's prototype, and with its members as fields.

import type { CoreEvent } from "./core.js";

/** A message's empty list, of a frozen kind as the platform's. */
export const ports = /* @__PURE__ */ Object.freeze<never[]>([]) as never[];

class Message extends Event {
  readonly data: string;
  readonly lastEventId: string;
  readonly origin: string;
  readonly ports = ports;

  constructor(type: string, data: string, lastEventId: string, origin: string) {
    super(type);
    this.data = data;
    this.lastEventId = lastEventId;
    this.origin = origin;
  }
}

/** For each source, and not when the package is imported: naming MessageEvent makes Node.js load modules. */
export function prepareMessages(_source?: EventTarget): void {
  const prototype: Partial<Event> & { constructor?: unknown } = Message.prototype;
  Object.setPrototypeOf(prototype, MessageEvent.prototype);
  delete prototype.constructor;
  // The platform's accessors throw on what its constructor has not made: all that have no field are null. They can be
  // written, because Babel and others make assignments of fields.
  for (const name of Object.keys(MessageEvent.prototype)) {
    Object.defineProperty(prototype, name, { value: null, enumerable: true, writable: true });
  }
}

export const messageOf = (type: string, data: string, lastEventId: string, origin: string) =>
  new Message(type, data, lastEventId, origin) as unknown as CoreEvent;
