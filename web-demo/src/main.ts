// The page: wires the stream to the views, and draws them once a frame.

import type { TransportName } from "millrace";
import type { Arrival, Gap, Outage } from "./arrival.js";
import { byId, setText } from "./dom.js";
import { grouped, speak, words } from "./language.js";
import { press, streamsBeside } from "./post.js";
import { chooseShared, newName, onShared, sharedName } from "./sharing.js";
import { Tabs } from "./tabs.js";
import { type Mark, Tally } from "./tally.js";
import { ChatView } from "./views/chat-view.js";
import { GaugesView } from "./views/gauges-view.js";
import { NewsView } from "./views/news-view.js";
import { RiverView } from "./views/river-view.js";
import { StateView } from "./views/state-view.js";
import { StocksView } from "./views/stocks-view.js";
import { type Core, type Flow, protocol, WireView } from "./views/wire-view.js";
import type { Link, Listener, Route, Wire } from "./wire.js";

speak(byId("language", HTMLButtonElement), "title");

const degreesPerFrame = 0.006; // of the wheel, for each event of the last second
const marksKept = 31; // one a second
const goBackBy = 10_000; // ms
const silenceSeconds = 8;
const idleTimeout = 4000; // ms; the server's figures alone come every second
const conflation = 500; // ms
const maxEarly = 1000; // news and talk that wait for earlier events
const types = ["tick", "news", "chat", "presence", "gauges"];
const topicsOf: Record<Flow, string[]> = {
  all: ["demo/stocks/*", "demo/news", "demo/chat/*", "demo/presence", "demo/gauges"],
  calm: ["demo/news", "demo/chat/*", "demo/presence", "demo/gauges"],
  quiet: ["demo/chat/*", "demo/presence"],
};

class Page implements Listener {
  // The server cuts streams by name: this tab's own, or the name that all tabs share.
  readonly #tab = newName("tab");
  readonly #tally = new Tally();
  readonly #state = new StateView();
  readonly #river = new RiverView(byId("river", HTMLCanvasElement));
  readonly #stocks = new StocksView();
  readonly #news = new NewsView();
  readonly #chat = new ChatView(
    () => this.#client,
    () => this.#press("/demo/kick", {}, words.notKicked),
    () => this.#take({ lastEventId: this.#lastId }),
  );
  readonly #gauges = new GaugesView();
  readonly #wireView: WireView;
  readonly #tabs: Tabs;
  readonly #cut = byId("cut", HTMLButtonElement);
  readonly #problem = byId("problem", HTMLElement);
  readonly #wheel = byId("wheel", SVGGElement);
  readonly #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #answer: { draw(): void } | undefined;
  #wire: Wire | undefined;
  #transport = askedTransport();
  #flow: Flow = "all";
  #core: Core = "wasm";
  #shared = sharedName();
  #conflates = false;
  #marks: Mark[] = [];
  #markedAt = 0;
  #lastId = ""; // of the newest event: where a page goes on that was sent away
  #heardAt = performance.now();
  #openedAt: number | undefined;
  /** The series that have had an event, while the stream begins with the newest event of each. */
  #begun: Set<string> | undefined = new Set();
  /** Earlier events, until their place in the river is known. */
  #past: Arrival[] = [];
  /** News and talk that arrived before their history; undefined when the history has been read. */
  #early: Arrival[] | undefined = [];
  #connectionAskedFor = "";
  #wheelAt = 0;

  constructor() {
    this.#cut.addEventListener("click", () => this.#cutWire());
    this.#wireView = new WireView(
      {
        chooseTransport: (name) => {
          this.#transport = name;
          this.#take();
        },
        chooseCore: (core) => {
          this.#core = core;
          this.#take();
        },
        chooseSharing: (share) => this.#shareOrNot(chooseShared(share)),
        chooseConflation: (conflates) => {
          this.#conflates = conflates;
          this.#take({ first: () => this.#tally.rebase(conflates) });
        },
        chooseFlow: (flow) => {
          this.#flow = flow;
          // The counters of other topics have moved meanwhile, so they count anew.
          this.#take({ first: () => this.#tally.rebase(this.#conflates) });
        },
        goSilent: () => this.#press("/demo/silence", { seconds: String(silenceSeconds) }),
        goBack: () => this.#goBack(),
        comeUnknown: () => this.#take({ lastEventId: "nowhere-1" }),
      },
      this.#transport,
      this.#shared !== undefined,
    );
    onShared((name) => this.#shareOrNot(name));
    this.#tabs = new Tabs(byId("lives", HTMLElement), () => undefined);
    const draw = (now: number) => {
      this.#draw(now);
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  }

  /** Connects. Separate files hold the package, so that the page appears first. */
  async run(): Promise<void> {
    const [{ Wire }, { readHistory }, { AnswerView }] = await Promise.all([
      import("./wire.js"),
      import("./history.js"),
      import("./views/answer-view.js"),
    ]);
    this.#answer = new AnswerView((sentence) => this.#complain(sentence));
    this.#wire = new Wire(this);
    // A stream that all tabs share may have begun earlier.
    this.#take(this.#shared ? {} : { lastEventId: "latest" });
    if (this.#shared) {
      for await (const { fields } of readHistory("latest", ["demo/stocks/*"])) this.#stocks.begin(fields);
    }
    for await (const arrival of readHistory("earliest", ["demo/news", "demo/chat/*", "demo/gauges"])) {
      this.#display(arrival);
      this.#past.push(arrival);
    }
    this.#endEarly();
    this.#fillRiver();
  }

  // --- Events ---

  linkChanged(link: Link): void {
    this.#state.linkChanged(link);
    this.#cut.ariaDisabled = String(link.state !== "open");
    this.#chat.isOut(link.state === "closed" && link.loss.reason === "gone");
    if (link.state === "open") {
      this.#heardAt = performance.now();
      this.#openedAt ??= this.#heardAt;
      this.#chat.introduce();
      this.#countConnection();
    } else this.#wireView.anew();
  }

  lost(outage: Outage): void {
    this.#problem.hidden = true;
    this.#state.lost(outage);
    this.#river.addOutage(outage);
  }

  caughtUp(outage: Outage): void {
    this.#state.caughtUp(outage, this.#tally);
  }

  arrived(arrival: Arrival): void {
    const { id, type, fields } = arrival;
    const series = seriesOf(arrival);
    this.#lastId = id;
    this.#heardAt = performance.now();
    this.#tally.count(id, series, fields.n);
    this.#wireView.arrived(arrival, this.#heardAt);
    if (this.#begun?.has(series)) this.#begun = undefined;
    if (this.#begun) this.#begun.add(series);
    else {
      // The figures of the second in which the page was opened arrive later.
      if (type === "gauges" && arrival.publishedAt - 1000 < (this.#openedAt ?? 0)) this.#past.push(arrival);
      this.#fillRiver();
      this.#river.add(arrival);
    }
    if (this.#early && (type === "news" || type === "chat")) {
      this.#early.push(arrival);
      if (this.#early.length === maxEarly) this.#endEarly();
    } else this.#display(arrival);
    if (this.#heardAt - this.#markedAt > 1000) {
      this.#markedAt = this.#heardAt;
      this.#marks.push(this.#tally.mark(id, this.#heardAt));
      if (this.#marks.length > marksKept) this.#marks.shift();
    }
  }

  gap(gap: Gap): void {
    if (gap.reason === "unknown") this.#tally.rebase(this.#conflates);
    this.#complain(gap.reason === "expired" ? words.gapExpired(gap.lastEventId) : words.gapUnknown(gap.lastEventId));
  }

  bytes(chunk: Uint8Array): void {
    this.#wireView.bytes(chunk);
  }

  #endEarly(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const arrival of early) this.#display(arrival);
  }

  /** The server's figures give the number of events in each second; headlines and messages keep their own time. */
  #fillRiver(): void {
    const end = this.#openedAt;
    if (end === undefined || this.#begun || this.#early) return;
    for (const { type, fields } of this.#past.splice(0)) {
      const at = typeof fields.time === "number" ? this.#wire?.publishedAt(fields.time) : undefined;
      if (at === undefined) continue;
      if (type === "gauges") this.#river.addPast(at, Number(fields.publishes) || 0, end);
      else if (at < end) this.#river.addPastDrop(at, type);
    }
  }

  #display(arrival: Arrival): void {
    if (arrival.type === "tick") this.#stocks.add(arrival, performance.now());
    else if (arrival.type === "news") this.#news.add(arrival);
    else if (arrival.type === "chat") this.#chat.add(arrival);
    else if (arrival.type === "presence") this.#chat.present(arrival);
    else if (arrival.type === "gauges") {
      this.#gauges.add(arrival);
      if (arrival.late) return;
      this.#wireView.streams(arrival.fields.streams);
      this.#countConnection(arrival.fields.streams);
    }
  }

  /** Requests the number of streams on this page's connection, when it may have changed. */
  #countConnection(streams?: unknown): void {
    if (protocol() !== "HTTP/2") {
      this.#wireView.beside(1);
      return;
    }
    const change = `${this.#client} ${streams}`;
    if (streams !== undefined && change === this.#connectionAskedFor) return;
    this.#connectionAskedFor = change;
    streamsBeside(this.#client).then(
      (count) => this.#wireView.beside(count),
      () => undefined, // keeps the last number
    );
  }

  // --- Buttons ---

  get #client(): string {
    return this.#shared ?? this.#tab;
  }

  /** Reconnects with the current choices. Calls `first` between the old connection's events and the new one's. */
  #take({
    lastEventId,
    again = false,
    first,
  }: {
    lastEventId?: string;
    again?: boolean;
    first?: () => void;
  } = {}): void {
    const core = this.#core;
    const begin = (connect: Route["connect"]) => {
      if (core !== this.#core) return; // another choice was made while this one was loading
      const transport = this.#transport;
      const share = this.#shared !== undefined;
      const url = `/events?client=${this.#client}${this.#conflates ? `&conflate=${conflation}` : ""}`;
      const patience = this.#flow === "quiet" ? undefined : idleTimeout;
      this.#wireView.began(transport, share);
      first?.();
      const route = { connect, url, transport, share, topics: topicsOf[this.#flow], types, idleTimeout: patience };
      this.#wire?.take(route, lastEventId, again);
    };
    connectOf(core).then(begin, (error: unknown) => this.failed(error));
  }

  #shareOrNot(name: string | undefined): void {
    if (name === this.#shared) return;
    this.#shared = name;
    this.#take();
  }

  #cutWire(): void {
    if (this.#cut.ariaDisabled !== "true") this.#press("/demo/cut", {});
  }

  /** Returns to the page's position some seconds ago: later events arrive again. */
  #goBack(): void {
    const at = performance.now() - goBackBy;
    const mark = this.#marks.findLast((mark) => mark.at <= at) ?? this.#marks[0];
    if (!mark) return;
    this.#marks = this.#marks.filter((other) => other.at <= mark.at);
    this.#take({ lastEventId: mark.id, again: true, first: () => this.#tally.rewind(mark) });
  }

  #press(path: string, parameters: Record<string, string>, otherwise = words.notCut): void {
    press(path, { client: this.#client, ...parameters }).catch((error: Error) =>
      this.#complain(`${otherwise} ${error.message}`),
    );
  }

  #complain(sentence: string): void {
    this.#problem.hidden = false;
    setText(this.#problem, sentence);
  }

  /** Shows that a file of the page could not be loaded. */
  failed(error: unknown): void {
    this.linkChanged({ state: "closed", loss: { reason: "unreadable", status: 0, wasOpen: false } });
    this.#complain(error instanceof Error ? error.message : String(error));
  }

  // --- Once a frame ---

  #draw(now: number): void {
    this.#state.draw(now, this.#tally, this.#heardAt, this.#flow !== "quiet");
    setText(byId("received", HTMLElement), grouped(this.#tally.received));
    drawProof(byId("missed", HTMLElement), this.#tally.missed);
    drawProof(byId("doubled", HTMLElement), this.#tally.doubled);
    this.#wireView.draw(now, this.#wire?.lastEventId ?? "");
    this.#river.draw(now);
    if (this.#tabs.selected === "stocks") this.#stocks.draw(now);
    else if (this.#tabs.selected === "monitoring") this.#gauges.draw();
    else if (this.#tabs.selected === "answer") this.#answer?.draw();
    if (this.#calm.matches) return;
    this.#wheelAt = (this.#wheelAt + this.#wireView.rate.perSecond(now) * degreesPerFrame) % 360;
    this.#wheel.style.transform = `rotate(${this.#wheelAt.toFixed(1)}deg)`;
  }
}

/** The name of the event's series, which has its own counter. */
function seriesOf({ type, fields }: Arrival): string {
  if (type === "tick") return `tick ${fields.symbol}`;
  return type === "chat" ? `chat ${fields.room}` : type;
}

/** The choices in the page's address, as in `?transport=fetch`. */
function askedTransport(): TransportName {
  const asked = new URLSearchParams(location.search).get("transport");
  return asked === "fetch" || asked === "xhr" || asked === "poll" ? asked : "native";
}

/** The package with the core as WebAssembly, or as JavaScript, which is loaded at its first use. */
async function connectOf(core: Core): Promise<Route["connect"]> {
  return core === "wasm" ? (await import("millrace")).connect : (await import("millrace/js")).connect;
}

function drawProof(element: HTMLElement, count: number): void {
  setText(element, grouped(count));
  element.dataset.alarm = String(count > 0);
}

const page = new Page();
page.run().catch((error: unknown) => page.failed(error));
