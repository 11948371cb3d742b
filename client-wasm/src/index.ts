export { ConnectionError, connect } from "./connect.js";
export { EventSource, type EventSourceConstructor } from "./event-source.js";
export { EventStreamParser, type ParserOptions, ready } from "./event-stream-parser.js";
export { type Encodable, EventStreamDecoder, EventStreamEncoder, encode, parse } from "./streams.js";
export type {
  Connection,
  ConnectionErrorEvent,
  ConnectOptions,
  LossReason,
  ServerEvent,
  TransportName,
} from "./types.js";
