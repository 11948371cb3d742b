export { connect } from "./connect.js";
export { ConnectionError } from "./connection-error.js";
export { EventSource, type EventSourceConstructor } from "./event-source.js";
export { EventStreamParser, type ParserOptions, ready } from "./event-stream-parser.js";
export { type Encodable, EventStreamDecoder, EventStreamEncoder, encode, parse } from "./streams.js";
export type {
  Connection,
  ConnectionErrorEvent,
  ConnectOptions,
  Decoding,
  EventSourceErrorEvent,
  EventSourceInit,
  Gap,
  LossReason,
  RetryOptions,
  ServerEvent,
  StandardSchema,
  TransportName,
} from "./types.js";
