// Transport: what carries a request out and the stream's bytes, or its events, in. It decides nothing: whatever happens
// it reports to the connection, which asks the core, and does as it is told by the next connect() or drop().

import type { EventOf, Signal, Source } from "../core.js";
import type { ConnectOptions, TransportName } from "../types.js";

export interface Transport {
  readonly name: TransportName;

  /**
   * Makes the connection and reports on it until it ends or is dropped. Rejects only with what no other attempt would
   * mend: headers that cannot be sent, a `fetch` that gives something else than a response.
   */
  connect(lastEventId: string): Promise<void>;

  /** Ends the connection, if there is one; nothing of it is reported after. */
  drop(): void;

  /** Another event type is wanted, by transports that have to know them. */
  listen?(type: string): void;
}

/** The head of a response. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** Of where redirects have led. */
  readonly origin: string;
  /** Where an event stream begins, if the server says. */
  readonly lastEventId?: string;
  /** Silence after which the server sends something, in milliseconds; 0 if it does not say. */
  readonly heartbeat?: number;
  /** The Retry-After field. */
  readonly retryAfter?: string | null;
  /** The beginning of a body that is not an event stream, or other details of the failure. */
  excerpt: string;
}

/** Where a transport reports to. What returns a promise has to be waited for before more is read. */
export interface TransportListener {
  readonly readyState: number;
  readonly lastEventId: string;
  response(answer: Answer): Promise<void>;
  bytes(chunk: Uint8Array): Promise<void>;
  end(): void;
  /** `isFutile`: no other attempt would change it. `cause`: what the platform says of it. */
  failed(isFutile?: boolean, cause?: unknown): void;

  // From a transport that parses, and reconnects, by itself:
  /** It connects now, without having been told to. */
  online(): void;
  readonly owner: { full?(): Promise<void> | undefined };
  /** undefined: it is over. */
  readonly machine: Source | undefined;
  readonly eventOf: EventOf;
  act(signals: Signal[]): Promise<void>;
}

/** What is asked for, apart from the last event ID. */
export interface Request {
  readonly url: string;
  readonly withCredentials: boolean;
  readonly method?: string;
  readonly headers?: ConnectOptions["headers"];
  readonly body?: ConnectOptions["body"];
  readonly fetch?: typeof fetch;
  /** Throws where what `fetch` gave is no response that can be read. */
  readonly checked?: (response: Response) => Response;
}
