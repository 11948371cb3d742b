// `millrace/inspect`: logs a connection's events and states to the console, because browsers show streams over `fetch`
// in no readable form.

import type { Connection, ConnectionErrorEvent, ServerEvent } from "millrace";

/** The target and content of the lines. */
export interface InspectOptions {
  /** Takes a line, and its subject. Default `console.debug`; with the subject only in browsers, which can unfold it. */
  log?: (line: string, subject?: unknown) => void;
  /** Characters of an event's data that a line shows; default 120. */
  maxCharacters?: number;
  /**
   * For the browser's own EventSource: the types to show besides `message`, because it delivers only types that it is
   * asked for by name.
   */
  types?: readonly string[];
}

/** An EventSource: the package's or the browser's. */
export type InspectedSource = EventTarget & { readonly url: string; readonly readyState: number };

type Line = (what: string, subject?: unknown) => void;

/** Text from outside, in quotes, without control sequences for a terminal. */
function quoted(text: string, maxCharacters: number): string {
  const shown = JSON.stringify(text.slice(0, maxCharacters)).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > maxCharacters ? `${shown}… (${text.length} characters)` : shown;
}

const logTo = (console: Console) => (line: string, subject?: unknown) =>
  subject === undefined || "process" in globalThis ? console.debug(line) : console.debug(line, subject);

/**
 * Logs the source's events and states, and returns it: `for await (const event of inspect(connect(url))) …`. Changes
 * nothing else.
 */
export function inspect<Inspected extends InspectedSource>(source: Inspected, options: InspectOptions = {}): Inspected {
  const { log = logTo(console), maxCharacters = 120, types = [] } = options;
  const began = performance.now();
  const line: Line = (what, ...subject) =>
    log(`millrace ${source.url} +${((performance.now() - began) / 1000).toFixed(3)} s: ${what}`, ...subject);
  const describe = ({ type, data, lastEventId }: Pick<ServerEvent<unknown>, "type" | "data" | "lastEventId">) => {
    const id = lastEventId && ` (ID ${quoted(lastEventId, maxCharacters)})`;
    const text = typeof data === "string" ? data : (JSON.stringify(data) ?? `${data}`);
    return `${quoted(type, maxCharacters)}${id} ${quoted(text, maxCharacters)}`;
  };
  line("connecting");
  source.addEventListener("open", (event) => {
    if (!isMessage(event)) line(`open${"transport" in source ? `, over ${source.transport}` : ""}`, event);
  });
  source.addEventListener("error", (event) => {
    if (!isMessage(event)) line(lossOf(event, source.readyState, maxCharacters), event);
  });
  if (Symbol.asyncIterator in source)
    tapIteration(source as unknown as Connection<Record<string, unknown>>, line, describe);
  else tapEvents(source, types, (event) => line(describe(event), event));
  return source;
}

/** Also true for an event named `open` or `error` that the server has sent. */
const isMessage = (event: Event): event is MessageEvent => "lastEventId" in event;

function lossOf(event: Event, readyState: number, maxCharacters: number): string {
  const { message, reconnectIn } = event as Partial<ConnectionErrorEvent>;
  const what = message === undefined ? "" : `: ${quoted(message, 4 * maxCharacters)}`;
  if (readyState === 2) return `failed for good${what}`;
  return `lost${what}; again ${reconnectIn == null ? "soon" : `in ${Math.round(reconnectIn)} ms`}`;
}

function tapIteration(
  connection: Connection<Record<string, unknown>>,
  line: Line,
  describe: (event: ServerEvent<unknown>) => string,
): void {
  const iterate = connection[Symbol.asyncIterator].bind(connection);
  connection[Symbol.asyncIterator] = () => {
    const iterator = iterate();
    return {
      async next() {
        try {
          const result = await iterator.next();
          if (result.done) line("the iteration has ended");
          else line(describe(result.value), result.value);
          return result;
        } catch (error) {
          line("the iteration has ended with an error", error);
          throw error;
        }
      },
      return() {
        line("closed: the iteration was left");
        return iterator.return?.() ?? Promise.resolve({ done: true, value: undefined });
      },
    };
  };
}

/** The package's EventSource dispatches all types through a public method; the browser's needs listeners. */
function tapEvents(source: InspectedSource, types: readonly string[], show: (event: MessageEvent) => void): void {
  if (globalThis.EventSource && source instanceof globalThis.EventSource) {
    for (const type of new Set(["message", ...types])) {
      source.addEventListener(type, (event: Event) => {
        if (isMessage(event)) show(event);
      });
    }
    return;
  }
  const dispatch = source.dispatchEvent.bind(source);
  source.dispatchEvent = (event) => {
    if (isMessage(event)) show(event);
    return dispatch(event);
  };
}
