// message.ts for Node.js, whose MessageEvent constructor takes longer than receiving the event: it converts each member
// of a dictionary by the rules of Web IDL. This is an Event with a MessageEvent's prototype and ready-made members.

import type { CoreEvent } from "./core.js";

type MessageOf = (type: string, data: string, lastEventId: string, origin: string) => CoreEvent;

const none = Object.freeze([]);

/**
 * Made with the first message, so that importing the package does not make Node.js load the modules of MessageEvent.
 */
function prepare(): MessageOf {
  const isBuiltIn = /native code/.test(`${MessageEvent}`);
  if (isBuiltIn)
    return (type, data, lastEventId, origin) =>
      new MessageEvent(type, { data, lastEventId, origin }) as unknown as CoreEvent;
  class Message extends Event {
    readonly #data: string;
    readonly #lastEventId: string;
    readonly #origin: string;

    constructor(type: string, data: string, lastEventId: string, origin: string) {
      super(type);
      this.#data = data;
      this.#lastEventId = lastEventId;
      this.#origin = origin;
    }

    get data(): string {
      return this.#data;
    }
    get lastEventId(): string {
      return this.#lastEventId;
    }
    get origin(): string {
      return this.#origin;
    }
    get source(): null {
      return null;
    }
    get ports(): readonly MessagePort[] {
      return none;
    }
  }
  const { prototype } = Message;
  for (const name of ["data", "lastEventId", "origin", "source", "ports"]) {
    Object.defineProperty(prototype, name, { enumerable: true });
  }
  Object.setPrototypeOf(prototype, MessageEvent.prototype);
  Object.defineProperty(prototype, "constructor", { value: MessageEvent });
  return (type, data, lastEventId, origin) => new Message(type, data, lastEventId, origin) as unknown as CoreEvent;
}

let make: MessageOf | undefined;

export const messageOf: MessageOf = (type, data, lastEventId, origin) => {
  make ??= prepare();
  return make(type, data, lastEventId, origin);
};
