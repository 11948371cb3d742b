// RiverView: the last seconds of the stream, drawn on a canvas. Time runs to the left, and every event stands at the
// time when it was *published*. So a cut leaves a hole, and resuming fills it in another colour. Events published before
// the page was opened are faint.

import type { Arrival, Outage } from "../arrival.js";
import { resolvedColour } from "../dom.js";
import { lasting, words } from "../language.js";

const slotMs = 100;
const slots = 1024;
const barWidth = 3;
const barStep = 5;
const maxOutages = 32;
const maxDrops = 256;
const scaleHeight = 22;
const pastAlpha = 0.5;

/** How an event arrived: when it was published, after an outage, or from before the page was opened. */
type Manner = "live" | "late" | "past";

interface Drop {
  readonly at: number;
  readonly type: string;
  readonly manner: Manner;
}

export class RiverView {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  // The number of events in each tenth of a second, at `slot` modulo the length.
  readonly #counts = { live: new Uint16Array(slots), late: new Uint16Array(slots), past: new Uint16Array(slots) };
  #newest = 0;
  #drops: Drop[] = [];
  #outages: Outage[] = [];
  #peak = 12;
  #colours: ReturnType<typeof coloursOf>;
  readonly #font: string;
  #width = 0;
  #height = 0;
  readonly #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #drawnAt = Number.NEGATIVE_INFINITY;
  #seen = true;

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser cannot draw on a canvas.");
    this.#canvas = canvas;
    this.#context = context;
    this.#colours = coloursOf(canvas);
    matchMedia("(forced-colors: active)").addEventListener("change", () => {
      this.#colours = coloursOf(canvas);
    });
    this.#font = `12px ${getComputedStyle(canvas).fontFamily}`;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    new IntersectionObserver((entries) => {
      this.#seen = entries.at(-1)?.isIntersecting ?? true;
    }).observe(canvas);
  }

  add({ publishedAt, late, type }: Arrival): void {
    const manner = late ? "late" : "live";
    this.#count(publishedAt, manner, 1);
    this.#drop({ at: publishedAt, type, manner });
  }

  /** Adds the events published in the second before `publishedAt`, as far as they lie before `end`. */
  addPast(publishedAt: number, count: number, end: number): void {
    const inSecond = 1000 / slotMs;
    for (let i = 0; i < inSecond; ++i) {
      const at = publishedAt - i * slotMs;
      if (at < end) this.#count(at, "past", Math.round(count / inSecond));
    }
  }

  /** A headline or a message from before the page was opened, which addPast() has counted. */
  addPastDrop(at: number, type: string): void {
    this.#drop({ at, type, manner: "past" });
  }

  #count(publishedAt: number, manner: Manner, count: number): void {
    const slot = Math.floor(publishedAt / slotMs);
    this.#advance(slot);
    if (slot <= this.#newest - slots) return;
    const counts = this.#counts[manner];
    counts[indexOf(slot)] = (counts[indexOf(slot)] ?? 0) + count;
  }

  #drop(drop: Drop): void {
    if (drop.type !== "news" && drop.type !== "chat") return;
    this.#drops.push(drop);
    if (this.#drops.length > maxDrops) this.#drops.shift();
  }

  addOutage(outage: Outage): void {
    this.#outages.push(outage);
    if (this.#outages.length > maxOutages) this.#outages.shift();
  }

  draw(now: number): void {
    if (!this.#seen) return; // scrolled out of view
    // With reduced motion the picture moves once a second.
    if (this.#width === 0 || (this.#calm.matches && now - this.#drawnAt < 1000)) return;
    this.#drawnAt = now;
    this.#advance(Math.floor(now / slotMs));
    this.#context.clearRect(0, 0, this.#width, this.#height);
    this.#drawScale(now);
    for (const outage of this.#outages) this.#drawOutage(outage, now);
    this.#drawBars(now);
    for (const drop of this.#drops) this.#drawDrop(drop, now);
  }

  #advance(slot: number): void {
    for (let next = Math.max(this.#newest + 1, slot - slots + 1); next <= slot; ++next) {
      for (const counts of Object.values(this.#counts)) counts[indexOf(next)] = 0;
    }
    this.#newest = Math.max(this.#newest, slot);
  }

  #x(time: number, now: number): number {
    return this.#width - ((now - time) / slotMs) * barStep;
  }

  get #bed(): number {
    return (this.#height - scaleHeight) / 2;
  }

  #drawBars(now: number): void {
    const context = this.#context;
    const visible = Math.min(slots - 1, Math.ceil(this.#width / barStep) + 1);
    let peak = 12;
    const { live, late, past } = this.#counts;
    const sumIn = (index: number) => (live[index] ?? 0) + (late[index] ?? 0) + (past[index] ?? 0);
    for (let slot = this.#newest; slot > this.#newest - visible; --slot) peak = Math.max(peak, sumIn(indexOf(slot)));
    this.#peak += (peak - this.#peak) * 0.08;
    const reach = this.#bed - 26;
    for (let slot = this.#newest; slot > this.#newest - visible; --slot) {
      const index = indexOf(slot);
      const sum = sumIn(index);
      const x = this.#x(slot * slotMs, now);
      const height = Math.max(1.5, Math.min(1, sum / this.#peak) * reach);
      context.fillStyle = (late[index] ?? 0) > (live[index] ?? 0) ? this.#colours.late : this.#colours.live;
      context.globalAlpha = sum === 0 ? 0.28 : (past[index] ?? 0) > sum / 2 ? pastAlpha : 1;
      context.fillRect(x, this.#bed - height, barWidth, 2 * height);
    }
    context.globalAlpha = 1;
  }

  #drawDrop({ at, type, manner }: Drop, now: number): void {
    const x = this.#x(at, now) + barWidth / 2;
    if (x < -8 || x > this.#width + 8) return;
    const context = this.#context;
    const y = type === "news" ? 12 : this.#height - scaleHeight - 12;
    context.fillStyle = manner === "late" ? this.#colours.late : this.#colours.drop;
    context.globalAlpha = manner === "past" ? pastAlpha : 1;
    context.beginPath();
    if (type === "news") {
      context.moveTo(x, y - 6);
      context.lineTo(x + 5, y);
      context.lineTo(x, y + 6);
      context.lineTo(x - 5, y);
    } else {
      context.arc(x, y, 4, 0, 7);
    }
    context.fill();
    context.globalAlpha = 1;
  }

  #drawOutage({ lostAt, resumedAt }: Outage, now: number): void {
    const left = this.#x(lostAt, now);
    const right = this.#x(resumedAt ?? now, now);
    if (right < 0) return;
    const context = this.#context;
    const bottom = this.#height - scaleHeight;
    context.fillStyle = this.#colours.lost;
    context.globalAlpha = 0.2;
    context.fillRect(left, 0, right - left, bottom);
    context.globalAlpha = 1;
    context.fillRect(left, 0, 2, bottom);
    if (resumedAt !== undefined) context.fillRect(right - 2, 0, 2, bottom);
    const label = words.cutFor(lasting((resumedAt ?? now) - lostAt));
    context.font = this.#font;
    if (right - left < context.measureText(label).width + 16) return;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillStyle = this.#colours.drop;
    context.fillText(label, Math.max(left, 0) + 8, 5);
  }

  /** The age of a time. */
  #drawScale(now: number): void {
    const context = this.#context;
    context.font = this.#font;
    context.textBaseline = "alphabetic";
    const y = this.#height - 5;
    for (let ago = 5; this.#x(now - ago * 1000, now) > 30; ago += 5) {
      const x = this.#x(now - ago * 1000, now);
      context.fillStyle = this.#colours.rule;
      context.fillRect(Math.round(x), 0, 1, this.#height - scaleHeight);
      context.fillStyle = this.#colours.text;
      context.textAlign = "center";
      context.fillText(words.ago(ago), x, y);
    }
    context.fillStyle = this.#colours.text;
    context.textAlign = "right";
    context.fillText(words.now, this.#width - 6, y);
  }

  #resize(): void {
    const ratio = devicePixelRatio || 1;
    this.#width = this.#canvas.clientWidth;
    this.#height = this.#canvas.clientHeight;
    this.#canvas.width = Math.round(this.#width * ratio);
    this.#canvas.height = Math.round(this.#height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }
}

/** Slots before the page's own time are negative. */
function indexOf(slot: number): number {
  return ((slot % slots) + slots) % slots;
}

function coloursOf(canvas: HTMLElement) {
  return {
    live: resolvedColour(canvas, "--river"),
    late: resolvedColour(canvas, "--late-river"),
    lost: resolvedColour(canvas, "--lost-river"),
    rule: resolvedColour(canvas, "--hero-rule"),
    text: resolvedColour(canvas, "--hero-soft"),
    drop: resolvedColour(canvas, "--hero-ink"),
  };
}
