// `millrace/eventsource`: the class alone, which loads the core with the first source, so that a page's initial load is
// half as large.

export { EventSource, type EventSourceConstructor, type EventSourceEventMap } from "./event-source.js";
export type {
  EventSourceErrorEvent,
  EventSourceInit,
  EventSourceOptions,
  RequestHeaders,
  RetryOptions,
} from "./types.js";
