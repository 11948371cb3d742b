// CoreConnection: one event source, run by the core. It hands the core what the transport reports and what the clock
// says, and does what the core says, in order. EventSource and connect() are two ways to look at it.

import { type CoreEvent, loadCore, maxInputBytes, type Signal, Source } from "./core.js";
import type { Transport, TransportListener } from "./transports/transport.js";
import type { LossReason } from "./types.js";

export interface Loss {
  readonly reason: LossReason;
  readonly status: number;
  /** Milliseconds; null if the connection is closed for good. */
  readonly reconnectIn: number | null;
}

export interface ConnectionOwner {
  opened(): void;
  received(event: CoreEvent, origin: string): void;
  lost(loss: Loss): void;
  /** It is closed because of something that no other attempt would mend: no WebAssembly, a `headers` that throws. */
  broken(error: unknown): void;
  /** Asked after events were received: a promise holds the stream back until it is kept. */
  full?(): Promise<void> | undefined;
  /** Asked when the connection is lost; absent: it is always made again. */
  mayReconnect?(): boolean;
}

/** What a 32-bit timer can hold, in milliseconds; later timeouts are waited for in steps. */
const maxTimeout = 0x7fffffff;

export class CoreConnection implements TransportListener {
  readyState = 0;
  lastEventId: string;
  readonly transport: Transport;
  readonly #owner: ConnectionOwner;
  #source: Source | undefined;
  #origin = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timeout = -1;

  constructor(owner: ConnectionOwner, transport: (listener: TransportListener) => Transport, lastEventId = "") {
    this.#owner = owner;
    this.lastEventId = lastEventId;
    this.transport = transport(this);
  }

  start(): void {
    loadCore().then(
      (core) => {
        if (this.readyState === 2) return;
        this.#source = new Source(core, this.lastEventId, Math.random() * Number.MAX_SAFE_INTEGER);
        this.#act(this.#source.start(performance.now()));
      },
      (error) => this.#break(error),
    );
  }

  /** Nothing reaches the owner after it, not even what has come already. */
  close(): void {
    this.readyState = 2;
    clearTimeout(this.#timer);
    this.transport.drop();
    this.#source?.close();
    this.#source = undefined;
  }

  // --- What the transport reports ---

  response(status: number, contentType: string, url: string): void {
    this.#origin = new URL(url).origin;
    this.#act(this.#source?.response(status, contentType, performance.now()));
  }

  async bytes(chunk: Uint8Array): Promise<void> {
    for (let begin = 0; begin < chunk.length; begin += maxInputBytes) {
      this.#act(this.#source?.bytes(chunk.subarray(begin, begin + maxInputBytes), performance.now()));
      const full = this.#owner.full?.();
      if (full) await full;
    }
  }

  end(): void {
    this.#act(this.#source?.end(performance.now()));
  }

  networkError(): void {
    this.#act(this.#source?.networkError(performance.now()));
  }

  connecting(): void {
    this.#act(this.#source?.online(performance.now()));
  }

  message(type: string, data: string, lastEventId: string, origin: string): Promise<void> | undefined {
    this.#origin = origin;
    const signals = this.#source?.message(lastEventId, performance.now()) ?? [];
    this.#act([{ type, data, lastEventId }, ...signals]);
    return this.#owner.full?.();
  }

  // --- What the core wants ---

  #act(signals: Signal[] = []): void {
    for (const signal of signals) {
      if (this.readyState === 2) return;
      this.#do(signal);
    }
    if (this.readyState !== 2) this.#setTimer();
  }

  #do(signal: Signal): void {
    if ("lastEventId" in signal) this.lastEventId = signal.lastEventId;
    if (signal.kind === undefined) this.#owner.received(signal, this.#origin);
    else if (signal.kind === "connect") this.transport.connect(this.lastEventId).catch((error) => this.#break(error));
    else if (signal.kind === "open") {
      this.readyState = 1;
      this.#owner.opened();
    } else if (signal.kind === "reconnect" || signal.kind === "fail") this.#lose(signal);
  }

  #lose({ kind, reason, status, wait }: Signal & { kind: "reconnect" | "fail" }): void {
    const again = kind === "reconnect" && (this.#owner.mayReconnect?.() ?? true);
    if (again) {
      this.readyState = 0;
      this.transport.drop();
    } else this.close();
    this.#owner.lost({ reason, status, reconnectIn: again ? wait : null });
  }

  #break(error: unknown): void {
    if (this.readyState === 2) return;
    this.close();
    this.#owner.broken(error);
  }

  #setTimer(): void {
    const timeout = this.#source?.nextTimeout() ?? -1;
    if (timeout === this.#timeout) return;
    this.#timeout = timeout;
    clearTimeout(this.#timer);
    if (timeout < 0) return;
    const wait = Math.ceil(timeout - performance.now());
    this.#timer = setTimeout(() => this.#timedOut(), Math.min(Math.max(wait, 0), maxTimeout));
  }

  #timedOut(): void {
    this.#timeout = -1;
    this.#act(this.#source?.timeout(performance.now()));
  }
}
