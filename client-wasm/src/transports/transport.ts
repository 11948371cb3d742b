// Transport: sends a request, and receives the stream's bytes or events. It decides nothing: it reports everything to
// the connection, which asks the core, and obeys the next connect() or drop().

import type { EventOf, Signal, Source } from "../core.js";
import type { ConnectOptions, TransportName } from "../types.js";

export interface Transport {
  readonly name: TransportName;

  /**
   * Makes the connection and reports on it until it ends or is dropped. Rejects only with errors that another attempt
   * would not change: headers that cannot be sent, a `fetch` that does not return a response.
   */
  connect(lastEventId: string): Promise<void>;

  /** Ends the connection, if any; reports nothing about it afterwards. */
  drop(): void;

  /** Adds an event type, for transports that must know them. */
  listen?(type: string): void;
}

/** The head of a response. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** The origin after redirects. */
  readonly origin: string;
  /** Where an event stream begins, if the server reports it. */
  readonly lastEventId: string;
  /** The server's heartbeat interval in milliseconds; 0 if unknown. */
  readonly heartbeat: number;
  /** Returns a response field's value. */
  readonly field?: (name: string) => string | null;
  /** The beginning of a body other than an event stream, or other details of the failure. */
  excerpt: string;
}

/** Gets a transport's reports. The transport must wait for a returned promise before it reads more. */
export interface TransportListener {
  readonly readyState: number;
  readonly lastEventId: string;
  answered(answer: Answer): Promise<void>;
  arrived(chunk: Uint8Array): Promise<void>;
  ended(): void;
  /** `isFutile`: another attempt would fail, too. `cause`: the platform's error. */
  failed(isFutile?: boolean, cause?: unknown): void;

  // Reports of a transport that itself parses and reconnects:
  /** It connects automatically now. */
  networkBack(): void;
  readonly owner: { readonly eventOf: EventOf; full?(): Promise<void> | undefined };
  /** undefined after the end. */
  readonly machine: Source | undefined;
  act(signals: Signal[]): Promise<void>;
}

/** The request, without the last event ID. */
export interface Request {
  readonly url: string;
  readonly withCredentials: boolean;
  readonly method?: string;
  readonly headers?: ConnectOptions["headers"];
  readonly body?: ConnectOptions["body"];
  readonly fetch?: typeof fetch;
  /** For `native`: the platform's class, if a program may have replaced it. */
  readonly platformsOwn?: typeof EventSource | undefined;
  /** For `native`: what the browser closes stays closed, by the standard. Otherwise the core connects again. */
  readonly staysClosed?: boolean;
  /** Throws if `fetch` did not return a readable response. */
  readonly checked?: (response: Response) => Response;
}
