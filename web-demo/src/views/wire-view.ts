// WireView: the bytes on the wire, and the buttons that disturb it.

import type { TransportName } from "millrace";
import type { Arrival } from "../arrival.js";
import { byId, make, setText } from "../dom.js";
import { FrameSplitter, frameOf, isHeartbeat, isTapped } from "../frames.js";
import { grouped, onLanguage, words } from "../language.js";
import { Rate } from "../rate.js";

export type Flow = "all" | "calm" | "quiet";
export type Core = "wasm" | "js";

export interface WireButtons {
  chooseTransport(name: TransportName): void;
  chooseCore(core: Core): void;
  chooseSharing(share: boolean): void;
  chooseConflation(conflates: boolean): void;
  chooseFlow(flow: Flow): void;
  goSilent(): void;
  goBack(): void;
  comeUnknown(): void;
}

/** The transports of the package. */
const transports: readonly TransportName[] = ["native", "fetch", "xhr", "poll"];

const shownFrames = 4;
const drawEvery = 120; // ms: slower than the frames arrive, so that they can be read

export class WireView {
  readonly rate = new Rate();
  readonly #byteRate = new Rate();
  readonly #frames = byId("frames", HTMLElement);
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #splitter = new FrameSplitter();
  #newest: string[] = [];
  #bytes = 0;
  #heartbeats = 0;
  #raw = false;
  #drawnAt = 0;

  constructor(buttons: WireButtons, transport: TransportName, share: boolean) {
    const place = byId("transports", HTMLElement);
    for (const name of transports) {
      const label = make("label", "");
      const input = make("input", "");
      Object.assign(input, { type: "radio", name: "transport", value: name, checked: name === transport });
      input.addEventListener("change", () => buttons.chooseTransport(name));
      label.append(input, make("span", "", words.transports[name]));
      place.append(label);
    }
    onLanguage(() => {
      for (const input of place.querySelectorAll("input")) {
        setText(input.nextElementSibling as Element, words.transports[input.value] ?? input.value);
      }
    });
    const sharing = byId("share", HTMLInputElement);
    sharing.disabled = !("locks" in navigator); // not a secure context
    sharing.addEventListener("change", () => buttons.chooseSharing(sharing.checked));
    const conflating = byId("conflate", HTMLInputElement);
    conflating.addEventListener("change", () => buttons.chooseConflation(conflating.checked));
    setText(byId("protocol", HTMLElement), protocol());
    for (const input of document.querySelectorAll<HTMLInputElement>("input[name=core]")) {
      input.addEventListener("change", () => buttons.chooseCore(input.value as Core));
    }
    for (const input of document.querySelectorAll<HTMLInputElement>("input[name=flow]")) {
      input.addEventListener("change", () => buttons.chooseFlow(input.value as Flow));
    }
    byId("go-silent", HTMLButtonElement).addEventListener("click", () => buttons.goSilent());
    byId("old-id", HTMLButtonElement).addEventListener("click", () => buttons.goBack());
    byId("unknown-id", HTMLButtonElement).addEventListener("click", () => buttons.comeUnknown());
    this.#pause.addEventListener("click", () => {
      this.#pause.ariaPressed = String(!this.#paused);
    });
    this.began(transport, share);
  }

  /** A connection over this transport has begun. */
  began(transport: TransportName, share: boolean): void {
    byId("share", HTMLInputElement).checked = share;
    this.#raw = isTapped(transport, share);
    this.#splitter.reset();
  }

  /** How many streams the server has open. */
  streams(count: unknown): void {
    if (typeof count === "number") setText(byId("streams", HTMLElement), grouped(count));
  }

  /** How many of them share this page's connection. */
  beside(count: number): void {
    setText(byId("beside", HTMLElement), count > 0 ? grouped(count) : "–");
  }

  /** A connection is lost or begins: the next bytes belong to another response. */
  anew(): void {
    this.#splitter.reset();
  }

  bytes(chunk: Uint8Array): void {
    this.#countBytes(chunk.length, performance.now());
    for (const frame of this.#splitter.split(chunk)) {
      if (isHeartbeat(frame)) this.#heartbeats += 1;
      this.#push(frame);
    }
  }

  arrived({ id, type, text }: Arrival, now: number): void {
    this.rate.add(1, now);
    if (this.#raw) return;
    const frame = frameOf(id, type, text);
    this.#countBytes(frame.length + 1, now); // an estimate, without encoding it
    this.#push(frame);
  }

  draw(now: number, lastEventId: string): void {
    if (now - this.#drawnAt < drawEvery) return;
    this.#drawnAt = now;
    setText(byId("last-event-id", HTMLElement), lastEventId || words.none);
    setText(byId("event-rate", HTMLElement), grouped(this.rate.perSecond(now)));
    setText(byId("bytes", HTMLElement), inBytes(this.#bytes));
    setText(byId("byte-rate", HTMLElement), inBytes(this.#byteRate.perSecond(now)));
    setText(byId("heartbeats", HTMLElement), this.#raw ? grouped(this.#heartbeats) : words.unseen);
    setText(byId("frames-note", HTMLElement), this.#raw ? words.framesRaw : words.framesMade);
    if (!this.#paused) setText(this.#frames, this.#newest.join("\n\n"));
  }

  get #paused(): boolean {
    return this.#pause.ariaPressed === "true";
  }

  #countBytes(count: number, now: number): void {
    this.#bytes += count;
    this.#byteRate.add(count, now);
  }

  #push(frame: string): void {
    this.#newest.push(frame.trimEnd());
    if (this.#newest.length > shownFrames) this.#newest.shift();
  }
}

/** The HTTP version of the page, which is also that of its stream. */
export function protocol(): string {
  const [page] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const { nextHopProtocol = "" } = page ?? {};
  return nextHopProtocol === "h2" ? "HTTP/2" : nextHopProtocol.toUpperCase();
}

function inBytes(count: number): string {
  if (count < 10_000) return grouped(count);
  return count < 10_000_000 ? `${(count / 1000).toFixed(0)} kB` : `${(count / 1_000_000).toFixed(1)} MB`;
}
