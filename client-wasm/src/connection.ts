// CoreConnection: one event source, run by the core. It passes the transport's reports and the clock to the core, and
// does what the core requests, in order. EventSource and connect() are built on it.

import { type CoreEvent, type EventOf, loadCore, maxInputBytes, type Policy, type Signal, Source } from "./core.js";
import { Input, Kind, reasons, Verdict } from "./shared-values.js";
import type { Answer, Transport, TransportListener } from "./transports/transport.js";
import type { ConnectionErrorEvent, LossReason } from "./types.js";

/** The details of an `error` event. */
export type Loss = Omit<ConnectionErrorEvent, "code" | keyof Event>;

/**
 * The owner of a connection. A returned promise holds back the rest of the batch, and everything later, until it is
 * fulfilled.
 */
export interface ConnectionOwner {
  opened(): void | Promise<void>;
  /** Makes the events for received(). */
  readonly eventOf: EventOf;
  /** `batch`: the number of things that have come together. */
  received(event: CoreEvent, batch: number): void | Promise<void>;
  /** The last event ID has changed without an event. */
  identified?(): void;
  /** The stream begins again, because the ID is too long to send. */
  forgotten?(lastEventId: string): void;
  /** A comment, in its place among the events. */
  commented?(comment: string): void;
  lost(loss: Loss): void;
  /**
   * The connection is closed for a reason that another attempt would not change: no WebAssembly, headers that cannot be
   * sent.
   */
  broken(error: unknown): void;
  /** Called after events were received: a returned promise holds the stream back until it is fulfilled. */
  full?(): Promise<void> | undefined;
  /** Called for each response: returns what to do about its status, and how long to wait, in milliseconds. */
  verdict?(answer: Answer): Promise<readonly [verdict: Verdict, wait: number]>;
}

/** The longest 32-bit timer, in milliseconds; waits for later timeouts in steps. */
const maxTimeout = 0x7fffffff;

/**
 * Longest last event ID that is sent, in UTF-16 units. Servers refuse slightly longer heads, so the connection goes on
 * without a longer ID.
 */
const maxIdCharacters = 4096;

export class CoreConnection implements TransportListener {
  readyState = 0;
  lastEventId: string;
  transport: Transport;
  readonly owner: ConnectionOwner;
  readonly #makeTransport: (listener: TransportListener, polling: boolean) => Transport;
  readonly #policy: Policy;
  #polling = false;
  machine: Source | undefined;
  /** Of the URL that answered, which may be another after redirects. */
  origin = "";
  #answer: Answer | undefined;
  /** The platform's error for the lost connection. */
  #cause: unknown;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSuspended = false;

  /** `makeTransport` is called again when the core begins or ends polling. */
  constructor(
    owner: ConnectionOwner,
    makeTransport: (listener: TransportListener, polling: boolean) => Transport,
    policy: Policy,
    lastEventId = "",
  ) {
    this.owner = owner;
    this.#makeTransport = makeTransport;
    this.#policy = policy;
    this.lastEventId = lastEventId;
    this.transport = makeTransport(this, false);
  }

  start(): void {
    loadCore().then(
      (core) => {
        if (this.readyState === 2) return;
        this.machine = new Source(core, this.lastEventId, Math.random() * 2 ** 53, this.#policy, this.owner.eventOf);
        this.act(this.machine.tell(Input.start));
        if (this.#isSuspended) this.setAside();
      },
      (error) => this.#break(error),
    );
  }

  /** Calls the owner no more, not even for input received already. */
  close(): void {
    this.readyState = 2;
    clearTimeout(this.#timer);
    this.transport.drop();
    this.machine?.close();
    this.machine = undefined;
  }

  /** Closes the connection until takeBack(). */
  setAside(): void {
    this.#isSuspended = true;
    this.#drop(Input.suspend);
  }

  takeBack(): void {
    this.#isSuspended = false;
    this.#tell(Input.resume);
  }

  /** Connects again at once, from the last ID. */
  restart(): void {
    if (!this.#isSuspended) this.#drop(Input.restart);
  }

  #drop(input: Input): void {
    if (!this.machine) return;
    this.readyState = 0;
    this.#attempt += 1;
    this.transport.drop();
    this.#tell(input);
  }

  /** The network is back: a waiting reconnection happens now. */
  networkBack(): void {
    this.#tell(Input.online);
  }

  // --- Reports of the transport ---

  async answered(answer: Answer): Promise<void> {
    this.#answer = answer;
    this.origin = answer.origin;
    const { status, contentType, lastEventId, heartbeat } = answer;
    const attempt = this.#attempt;
    const [verdict, wait] = (await this.owner.verdict?.(answer)) ?? [Verdict.none, 0];
    if (attempt !== this.#attempt) return;
    await this.#tell(Input.response, status, `${contentType}\n${lastEventId}`, wait, verdict, heartbeat);
  }

  async arrived(chunk: Uint8Array): Promise<void> {
    for (let begin = 0; begin < chunk.length; begin += maxInputBytes) {
      await this.#tell(Input.bytes, chunk.subarray(begin, begin + maxInputBytes));
      const full = this.owner.full?.();
      if (full) await full;
    }
  }

  ended(): void {
    this.#tell(Input.end);
  }

  failed(isFutile = false, cause?: unknown): void {
    this.#cause = cause;
    this.#tell(isFutile ? Input.futileError : Input.networkError);
  }

  // --- Requests of the core ---

  #tell(...input: Parameters<Source["tell"]>): Promise<void> {
    return this.act(this.machine?.tell(...input) ?? []);
  }

  /** Completes before it returns, unless the owner pauses. */
  act(signals: Signal[]): Promise<void> {
    clearTimeout(this.#timer); // no timeout while the owner holds events back
    let done = 0;
    return new Promise((resolve, reject) => {
      // A loop that awaits would take a tenth of a fast stream's time.
      const proceed = (): void => {
        try {
          while (this.readyState !== 2 && done < signals.length) {
            const held = this.#do(signals[done++] as Signal, signals.length);
            if (held) return void held.then(proceed);
          }
          resolve(this.#setTimer());
        } catch (error) {
          reject(error);
        }
      };
      proceed();
    });
  }

  #do(signal: Signal, batch: number): void | Promise<void> {
    if (signal.kind === undefined) {
      this.lastEventId = signal.lastEventId;
      return this.owner.received(signal, batch);
    }
    const { kind, a, b, c, text } = signal;
    if (kind === Kind.open) {
      this.readyState = 1;
      return this.owner.opened();
    }
    if (kind === Kind.connect) this.#connect(a > 0);
    else if (kind === Kind.id) {
      this.lastEventId = text;
      this.owner.identified?.();
    } else if (kind === Kind.comment) this.owner.commented?.(text);
    else this.#lose(kind === Kind.reconnect, reasons[a] as LossReason, b, c);
  }

  #connect(polling: boolean): void {
    if (polling !== this.#polling) {
      this.#polling = polling;
      this.transport = this.#makeTransport(this, polling);
    }
    this.#attempt += 1;
    this.#answer = this.#cause = undefined;
    // An ID that servers refuse would fail every later attempt.
    let id = this.lastEventId;
    if (id.length > maxIdCharacters) {
      this.owner.forgotten?.(id);
      id = "";
    }
    this.transport.connect(id).catch((error) => this.#break(error));
  }

  #lose(mayPass: boolean, reason: LossReason, status: number, wait: number): void {
    const message = sentenceFor(reason, this.#answer, this.#cause);
    if (mayPass) {
      this.readyState = 0;
      this.transport.drop();
    } else this.close();
    this.owner.lost({ reason, status, reconnectIn: mayPass ? wait : null, message });
  }

  #break(error: unknown): void {
    if (this.readyState === 2) return;
    this.close();
    this.owner.broken(error);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const timeout = this.machine?.nextTimeout() ?? -1;
    const wait = Math.min(Math.ceil(timeout - performance.now()), maxTimeout);
    if (timeout >= 0) this.#timer = setTimeout(() => this.#tell(Input.timeout), wait);
  }
}

function sentenceFor(reason: LossReason, answer: Answer | undefined, cause: unknown): string {
  if (!answer || (reason !== "status" && reason !== "content-type")) {
    // Node.js's error only says that fetch has failed; its cause says why.
    const { message, cause: reasons } = (cause ?? {}) as { message?: string; cause?: Partial<Error> };
    return ["the stream was lost", reason, message, reasons?.message].filter(Boolean).join(": ");
  }
  const { status, contentType, excerpt } = answer;
  if (status === 204) return "Server sent HTTP 204, not reconnecting";
  return `the server answered with status ${status}, ${contentType || "no Content-Type"}${excerpt && `: ${excerpt}`}`;
}
