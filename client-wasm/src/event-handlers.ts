// Event handler attributes: `onmessage` and the like. [HTML 8.1.8.1]

import { platformCalls } from "./handler-calls.js";

/** The value of an attribute, and the listener that calls it: a function, because objects are slow in Node.js. */
interface Handler {
  value: unknown;
  readonly listener: (event: Event) => void;
}

export type Handlers = Record<string, Handler | undefined>;

export function setHandler(target: EventTarget, handlers: Handlers, type: string, value: unknown): void {
  const handler = handlers[type];
  if (Object(value) === value) {
    // It keeps its place among the listeners while one value replaces another.
    if (handler) handler.value = value;
    else {
      const added: Handler = {
        value,
        // An object that is not callable is kept as the value but never called.
        listener: (event) => {
          if (typeof added.value === "function" && !platformCalls()) added.value.call(target, event);
        },
      };
      handlers[type] = added;
      target.addEventListener(type, added.listener);
    }
  } else if (handler) {
    handlers[type] = undefined;
    target.removeEventListener(type, handler.listener);
  }
}
