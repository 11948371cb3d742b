export { EventStreamParser, type ParserOptions, ready } from "./event-stream-parser.js";
export { type Encodable, EventStreamDecoder, EventStreamEncoder, encode, parse } from "./streams.js";

// The import of the core comes first: the rest compresses better after the module's text.

export { connect } from "./connect.js";
export { ConnectionError } from "./connection-error.js";
export { EventSource, type EventSourceConstructor, type EventSourceEventMap } from "./event-source.js";
export type {
  Connection,
  ConnectionErrorEvent,
  ConnectionEventMap,
  ConnectOptions,
  DataOf,
  DecodedBy,
  Decoding,
  EventListenerObjectOf,
  EventOf,
  EventSourceErrorEvent,
  EventSourceInit,
  EventSourceOptions,
  EventsOf,
  EventsUrl,
  Gap,
  Inferred,
  LossReason,
  NoOptions,
  OptionsFor,
  RequestHeaders,
  RequestOptions,
  RetryOptions,
  SchemaPath,
  SchemaResult,
  ServerEvent,
  StandardSchema,
  StatedOptions,
  Topics,
  TransportName,
  TypesOf,
  Unstated,
  UrlOf,
} from "./types.js";
