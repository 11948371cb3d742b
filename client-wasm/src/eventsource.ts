// `millrace/eventsource`: the class alone, which loads the core with the first source. So a page that is to be there first
// loads half of it.

export { EventSource, type EventSourceConstructor, type EventSourceEventMap } from "./event-source.js";
export type {
  EventSourceErrorEvent,
  EventSourceInit,
  EventSourceOptions,
  RequestHeaders,
  RetryOptions,
} from "./types.js";
