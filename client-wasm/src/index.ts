export { ConnectionError, connect } from "./connect.js";
export { EventSource, type EventSourceConstructor } from "./event-source.js";
export type {
  Connection,
  ConnectionErrorEvent,
  ConnectOptions,
  LossReason,
  ServerEvent,
  TransportName,
} from "./types.js";
