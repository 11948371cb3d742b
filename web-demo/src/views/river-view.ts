// RiverView: the last seconds of the stream, drawn on a canvas. Time runs to the left, and every event stands where it
// was *published*. So a cut leaves a hole, and resuming fills it, in another colour.

import type { Arrival, Outage } from "../arrival.js";
import { seconds, words } from "../language.js";

const slotMs = 100;
const slots = 1024;
const barWidth = 3;
const barStep = 5;
const maxOutages = 32;
const maxDrops = 256;
const scaleHeight = 22;

interface Drop {
  readonly at: number;
  readonly type: string;
  readonly late: boolean;
}

export class RiverView {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  // What was published in each tenth of a second, `slot` modulo their length.
  readonly #live = new Uint16Array(slots);
  readonly #late = new Uint16Array(slots);
  #newest = 0;
  #drops: Drop[] = [];
  #outages: Outage[] = [];
  #peak = 12;
  #colours: Record<"live" | "late" | "lost" | "rule" | "text" | "drop", string>;
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
    const style = getComputedStyle(canvas);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    this.#colours = {
      live: colour("--river"),
      late: colour("--late-river"),
      lost: colour("--lost-river"),
      rule: colour("--hero-rule"),
      text: colour("--hero-soft"),
      drop: colour("--hero-ink"),
    };
    this.#font = `12px ${style.fontFamily}`;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    new IntersectionObserver((entries) => {
      this.#seen = entries.at(-1)?.isIntersecting ?? true;
    }).observe(canvas);
  }

  add({ publishedAt, late, type }: Arrival): void {
    const slot = Math.floor(publishedAt / slotMs);
    this.#advance(slot);
    if (slot <= this.#newest - slots || slot < 0) return;
    const counts = late ? this.#late : this.#live;
    counts[slot % slots] = (counts[slot % slots] ?? 0) + 1;
    if (type === "tick" || type === "gauges") return;
    this.#drops.push({ at: publishedAt, type, late });
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
      this.#live[next % slots] = 0;
      this.#late[next % slots] = 0;
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
    for (let slot = this.#newest; slot > this.#newest - visible && slot >= 0; --slot) {
      peak = Math.max(peak, (this.#live[slot % slots] ?? 0) + (this.#late[slot % slots] ?? 0));
    }
    this.#peak += (peak - this.#peak) * 0.08;
    const reach = this.#bed - 26;
    for (let slot = this.#newest; slot > this.#newest - visible && slot >= 0; --slot) {
      const live = this.#live[slot % slots] ?? 0;
      const late = this.#late[slot % slots] ?? 0;
      const x = this.#x(slot * slotMs, now);
      const height = Math.max(1.5, Math.min(1, (live + late) / this.#peak) * reach);
      context.fillStyle = late > live ? this.#colours.late : this.#colours.live;
      context.globalAlpha = live + late === 0 ? 0.28 : 1;
      context.fillRect(x, this.#bed - height, barWidth, 2 * height);
    }
    context.globalAlpha = 1;
  }

  #drawDrop({ at, type, late }: Drop, now: number): void {
    const x = this.#x(at, now) + barWidth / 2;
    if (x < -8 || x > this.#width + 8) return;
    const context = this.#context;
    const y = type === "news" ? 12 : this.#height - scaleHeight - 12;
    context.fillStyle = late ? this.#colours.late : this.#colours.drop;
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
  }

  #drawOutage({ lostAt, resumedAt, again }: Outage, now: number): void {
    const left = this.#x(lostAt, now);
    const right = this.#x(resumedAt ?? now, now);
    if (right < 0 || again) return;
    const context = this.#context;
    const bottom = this.#height - scaleHeight;
    context.fillStyle = this.#colours.lost;
    context.globalAlpha = 0.2;
    context.fillRect(left, 0, right - left, bottom);
    context.globalAlpha = 1;
    context.fillRect(left, 0, 2, bottom);
    if (resumedAt !== undefined) context.fillRect(right - 2, 0, 2, bottom);
    const label = words.cutFor(seconds((resumedAt ?? now) - lostAt));
    context.font = this.#font;
    if (right - left < context.measureText(label).width + 16) return;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillStyle = this.#colours.drop;
    context.fillText(label, Math.max(left, 0) + 8, 5);
  }

  /** How long ago. */
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
