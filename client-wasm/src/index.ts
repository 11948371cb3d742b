export { EventStreamParser, type ParserOptions, ready } from "./event-stream-parser.js";
export { type Encodable, EventStreamDecoder, EventStreamEncoder, encode, parse } from "./streams.js";

// The import of the core comes first: the rest compresses better after the module's text.

export { connect } from "./connect.js";
export { ConnectionError } from "./connection-error.js";
export { EventSource, type EventSourceConstructor, type EventSourceEventMap } from "./event-source.js";
export type {
  DataOf,
  DecodedBy,
  EventsOf,
  EventsUrl,
  Inferred,
  NoOptions,
  OptionsFor,
  StatedOptions,
  TypesOf,
  Unstated,
  UrlOf,
} from "./typed-events.js";
export type {
  Connection,
  ConnectionErrorEvent,
  ConnectionEventMap,
  ConnectOptions,
  Decoding,
  EventListenerObjectOf,
  EventOf,
  EventSourceErrorEvent,
  EventSourceInit,
  EventSourceOptions,
  Gap,
  LossReason,
  RequestHeaders,
  RequestOptions,
  RetryOptions,
  SchemaPath,
  SchemaResult,
  ServerEvent,
  StandardSchema,
  Topics,
  TransportName,
} from "./types.js";
