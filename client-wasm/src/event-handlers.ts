// Event handler attributes: `onmessage` and the like. [HTML 8.1.8.1]

/** A listener that stands for the value of an attribute. */
interface Handler {
  value: unknown;
  handleEvent(event: Event): void;
}

let callsItself: boolean | undefined;

/** Whether the platform's EventTarget calls `on…` properties by itself, as that of Cloudflare's workers does. */
function platformCalls(): boolean {
  if (callsItself === undefined) {
    const onopen = () => {
      callsItself = true;
    };
    callsItself = false;
    Object.assign(new EventTarget(), { onopen }).dispatchEvent(new Event("open"));
  }
  return callsItself;
}

/** An object that cannot be called is kept as a value, and does nothing. */
function handleEvent(this: Handler, event: Event): void {
  if (typeof this.value === "function" && !platformCalls()) this.value.call(event.currentTarget, event);
}

export type Handlers = Record<string, Handler | undefined>;

export function setHandler(target: EventTarget, handlers: Handlers, type: string, value: unknown): void {
  let handler = handlers[type];
  if (Object(value) === value) {
    // It keeps its place among the listeners while one value replaces another.
    if (handler) handler.value = value;
    else {
      handler = { value, handleEvent };
      handlers[type] = handler;
      target.addEventListener(type, handler);
    }
  } else if (handler) {
    handlers[type] = undefined;
    target.removeEventListener(type, handler);
  }
}
