// The page: wires the subscription to the views, and draws them once a frame.

import type { TransportName } from "millrace";
import type { Arrival, Gap, Outage, Tick } from "./arrival.js";
import { ChannelView } from "./channel-view.js";
import { byId, setText } from "./dom.js";
import { FeedView } from "./feed-view.js";
import { Notes, refusal } from "./notes.js";
import { PricesView } from "./prices-view.js";
import { StateView } from "./state-view.js";
import type { Link, Listener, Subscription } from "./subscription.js";
import { Tally } from "./tally.js";
import { gapInWords, grouped } from "./words.js";

const eventsUrl = "/events";
const degreesPerEvent = 15;

class Page implements Listener {
  // The server cuts streams by the name they came with; this tab's is its own.
  readonly #client = `tab-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  readonly #tally = new Tally();
  readonly #state = new StateView();
  readonly #channel = new ChannelView(byId("channel", HTMLCanvasElement));
  readonly #prices = new PricesView(byId("prices", HTMLTableSectionElement));
  readonly #feed = new FeedView(byId("feed", HTMLOListElement));
  readonly #notes = new Notes(eventsUrl);
  readonly #cut = byId("cut", HTMLButtonElement);
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #problem = byId("problem", HTMLElement);
  #subscription: Subscription | undefined;
  #paused = false;

  constructor() {
    this.#cut.addEventListener("click", () => void this.#cutConnection());
    this.#pause.addEventListener("click", () => this.#togglePause());
    const draw = (now: number) => {
      this.#draw(now);
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  }

  /** Subscribes and reads. The package comes in a file of its own, so that the page is there before it. */
  async run(): Promise<void> {
    const { Subscription } = await import("./subscription.js");
    this.#subscription = new Subscription(
      `${eventsUrl}?client=${this.#client}`,
      { topics: ["demo/ticks", "demo/notes"], types: ["tick", "note"], transport: askedTransport() },
      this,
    );
    await this.#subscription.read();
  }

  linkChanged(link: Link): void {
    this.#state.linkChanged(link);
    this.#cut.ariaDisabled = String(link.state !== "open");
  }

  lost(outage: Outage): void {
    this.#problem.hidden = true;
    this.#state.lost(outage);
    this.#feed.addMark(outage);
    this.#channel.addOutage(outage);
  }

  caughtUp(outage: Outage): void {
    this.#state.caughtUp(outage, this.#tally);
  }

  arrived(arrival: Arrival, tick: Tick | undefined): void {
    this.#tally.count(arrival.id, tick?.n);
    this.#feed.add(arrival);
    if (tick) this.#prices.add(tick);
    else this.#notes.add(arrival.value);
    this.#channel.add(arrival, tick?.symbol);
  }

  gap(arrival: Arrival, gap: Gap): void {
    if (gap.reason === "unknown") this.#tally.rebase();
    this.#feed.add(arrival);
    this.#complain(gapInWords(gap));
  }

  #complain(sentence: string): void {
    this.#problem.hidden = false;
    setText(this.#problem, sentence);
  }

  /** The stream is over, or could not even begin. */
  failed(error: unknown): void {
    this.linkChanged({ state: "closed", why: "The event stream cannot be read." });
    this.#complain(error instanceof Error ? error.message : String(error));
  }

  async #cutConnection(): Promise<void> {
    if (this.#cut.ariaDisabled === "true") return;
    try {
      const response = await fetch(`/demo/cut?client=${this.#client}`, { method: "POST" });
      if (!response.ok) this.#complain(`The connection was not cut. ${await refusal(response)}`);
    } catch {
      this.#complain("The connection was not cut: the server does not answer.");
    }
  }

  #togglePause(): void {
    this.#paused = !this.#paused;
    this.#pause.ariaPressed = String(this.#paused);
  }

  #draw(now: number): void {
    this.#state.draw(now, this.#tally);
    this.#drawFigures();
    this.#notes.draw();
    if (this.#paused) return;
    this.#channel.draw(now);
    this.#prices.draw();
    this.#feed.draw();
    byId("wheel", SVGGElement).style.transform = `rotate(${this.#tally.received * degreesPerEvent}deg)`;
  }

  #drawFigures(): void {
    setText(byId("received", HTMLElement), grouped(this.#tally.received));
    drawProof(byId("missed", HTMLElement), this.#tally.missed);
    drawProof(byId("doubled", HTMLElement), this.#tally.doubled);
    if (!this.#subscription) return;
    const { lastEventId, transport } = this.#subscription;
    setText(byId("last-event-id", HTMLElement), lastEventId || "none yet");
    setText(byId("transport", HTMLElement), transport);
    const other = transport === "native" ? "fetch" : "native";
    const link = byId("transport-switch", HTMLAnchorElement);
    setText(link, `try ${other}`);
    link.search = `?transport=${other}`;
  }
}

/** What the page's own address asks for, `?transport=native` or `?transport=fetch`. */
function askedTransport(): "auto" | TransportName {
  const asked = new URLSearchParams(location.search).get("transport");
  return asked === "native" || asked === "fetch" ? asked : "auto";
}

function drawProof(element: HTMLElement, count: number): void {
  setText(element, grouped(count));
  element.dataset.alarm = String(count > 0);
}

const page = new Page();
page.run().catch((error: unknown) => page.failed(error));
