// Replacements for globals that `millrace/js` needs and a platform may lack: React Native, engines without a DOM,
// jsdom. build.mjs puts them in place of the globals of the same names, in that entry alone; if the platform has a
// global, it is used.

class BareEvent {
  readonly type: string;
  readonly bubbles = false;
  readonly cancelable = false;
  readonly defaultPrevented = false;
  target: BareEventTarget | null = null;
  currentTarget: BareEventTarget | null = null;

  constructor(type: string) {
    this.type = `${type}`;
  }

  /** Does nothing: these events have no default action. */
  preventDefault(): void {}
}

type Callback = ((event: BareEvent) => void) | { handleEvent(event: BareEvent): void };

interface Listener {
  readonly callback: Callback;
  readonly once: boolean;
}

/** Calls listeners in the order in which they were added; throws a listener's exception after calling the others. */
class BareEventTarget {
  readonly #listeners = new Map<string, Listener[]>();

  addEventListener(type: string, callback: Callback | null, options?: boolean | AddEventListenerOptions): void {
    const { once = false, signal } = typeof options === "object" ? options : {};
    const listeners = this.#listeners.get(type) ?? [];
    if (!callback || signal?.aborted || listeners.some((listener) => listener.callback === callback)) return;
    this.#listeners.set(type, [...listeners, { callback, once }]);
    signal?.addEventListener("abort", () => this.removeEventListener(type, callback));
  }

  removeEventListener(type: string, callback: Callback | null): void {
    const listeners = this.#listeners.get(type) ?? [];
    this.#listeners.set(
      type,
      listeners.filter((listener) => listener.callback !== callback),
    );
  }

  dispatchEvent(event: BareEvent): boolean {
    event.target = this;
    event.currentTarget = this;
    for (const listener of this.#listeners.get(event.type) ?? []) {
      const { callback, once } = listener;
      if (!this.#listeners.get(event.type)?.includes(listener)) continue;
      if (once) this.removeEventListener(event.type, callback);
      try {
        if (typeof callback === "function") callback.call(this, event);
        else callback.handleEvent(event);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
    event.currentTarget = null;
    return true;
  }
}

class BareDOMException extends Error {
  constructor(message?: string, name = "Error") {
    super(message);
    this.name = name;
  }
}

/** The standard's UTF-8 decoder, including the byte order mark. [WHATWG Encoding 8.1.1] */
class BareTextDecoder {
  readonly #keepsMark: boolean;
  /** The beginning of a character whose rest comes with the next bytes. */
  #begun = new Uint8Array();

  constructor(_label?: string, { ignoreBOM = false }: TextDecoderOptions = {}) {
    this.#keepsMark = ignoreBOM;
  }

  decode(input: Uint8Array = new Uint8Array(), { stream = false }: TextDecodeOptions = {}): string {
    const bytes = this.#withBegun(input);
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const begin = at;
      const first = bytes[at++] as number;
      const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
      let code = more > 0 ? first & (0x3f >> more) : first;
      let isWhole = more >= 0;
      for (let index = 0; index < more; index += 1) {
        const next = bytes[at] ?? 0;
        const [least, most] = index > 0 ? [0x80, 0xbf] : secondBytes(first);
        isWhole = next >= least && next <= most;
        if (!isWhole) break;
        code = (code << 6) | (next & 0x3f);
        at += 1;
      }
      if (stream && !isWhole && more > 0 && at === bytes.length) {
        this.#begun = bytes.slice(begin);
        break;
      }
      text += isWhole ? String.fromCodePoint(code) : "\ufffd";
    }
    return !this.#keepsMark && text.startsWith("\ufeff") ? text.slice(1) : text;
  }

  #withBegun(input: Uint8Array): Uint8Array {
    const begun = this.#begun;
    if (begun.length === 0) return input;
    const bytes = new Uint8Array(begun.length + input.length);
    bytes.set(begun);
    bytes.set(input, begun.length);
    this.#begun = new Uint8Array();
    return bytes;
  }
}

/** The valid second bytes after a first byte: excludes overlong forms, surrogates, and code points beyond U+10FFFF. */
function secondBytes(first: number): [number, number] {
  return [first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80, first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf];
}

class BareTextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer> {
    const bytes: number[] = [];
    for (const character of text) {
      let code = character.codePointAt(0) as number;
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
      else {
        if (code < 0x10000) bytes.push(0xe0 | (code >> 12));
        else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f));
        bytes.push(0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
      }
    }
    return new Uint8Array(bytes);
  }
}

// Event and EventTarget must both be the platform's, or neither, because one kind of target rejects events of the
// other.
const hasEvents = Boolean(globalThis.EventTarget && globalThis.Event);
const hasMessageEvent = hasEvents && Boolean(globalThis.MessageEvent);
const ownEvent = (hasEvents ? globalThis.Event : BareEvent) as typeof Event;
const ownTarget = (hasEvents ? globalThis.EventTarget : BareEventTarget) as typeof EventTarget;

// The following globals are read when they are used, because Node.js loads many modules when some of them are named.

function ownRequest(...parameters: ConstructorParameters<typeof Request>): Request {
  return globalThis.Request ? new globalThis.Request(...parameters) : ({} as Request);
}

/** The replacement has no `body`: responses arrive by XMLHttpRequest. */
const ownResponse = {
  get prototype(): object {
    return globalThis.Response?.prototype ?? {};
  },
};

/** What message.ts and `instanceof` need. */
const ownMessageEvent = {
  get prototype(): Event {
    if (hasMessageEvent) return globalThis.MessageEvent.prototype;
    return Object.create(ownEvent.prototype, { source: { value: null, enumerable: true } });
  },
  [Symbol.hasInstance]: (event: object) => "lastEventId" in event,
};

const ownException = (globalThis.DOMException ?? BareDOMException) as typeof DOMException;
const ownDecoder = (globalThis.TextDecoder ?? BareTextDecoder) as typeof TextDecoder;
const ownEncoder = (globalThis.TextEncoder ?? BareTextEncoder) as typeof TextEncoder;

export {
  ownDecoder as TextDecoder,
  ownEncoder as TextEncoder,
  ownEvent as Event,
  ownException as DOMException,
  ownMessageEvent as MessageEvent,
  ownRequest as Request,
  ownResponse as Response,
  ownTarget as EventTarget,
};
