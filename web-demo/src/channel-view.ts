// ChannelView: the last seconds of the stream, drawn on a canvas. Time runs to the left, one lane for each symbol, and
// every event stands where it was *published*. So a cut leaves a hole, and resuming fills it, in another colour.

import type { Arrival, Outage } from "./arrival.js";
import { seconds } from "./words.js";

const pixelsPerSecond = 40;
const maxMarks = 2048;
const maxOutages = 64;
const lanes = 8;
const noteLane = -1;

interface Mark {
  readonly at: number;
  readonly lane: number;
  readonly late: boolean;
}

interface Colours {
  readonly live: string;
  readonly late: string;
  readonly note: string;
  readonly rule: string;
  readonly text: string;
  readonly lost: string;
}

export class ChannelView {
  #canvas: HTMLCanvasElement;
  #context: CanvasRenderingContext2D;
  #marks: Mark[] = [];
  #outages: Outage[] = [];
  #laneOf = new Map<string, number>();
  #colours: Colours;
  #font: string;
  #width = 0;
  #height = 0;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser cannot draw on a canvas.");
    this.#canvas = canvas;
    this.#context = context;
    this.#colours = coloursOf(canvas);
    this.#font = `11px ${getComputedStyle(canvas).fontFamily}`;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#colours = coloursOf(canvas);
    });
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  /** Puts an event into the channel; `symbol` chooses its lane, an event without one is a note. */
  add(arrival: Arrival, symbol: string | undefined): void {
    this.#marks.push({ at: arrival.publishedAt, lane: this.#lane(symbol), late: arrival.late });
    if (this.#marks.length > maxMarks) this.#marks.shift();
  }

  addOutage(outage: Outage): void {
    this.#outages.push(outage);
    if (this.#outages.length > maxOutages) this.#outages.shift();
  }

  draw(now: number): void {
    // Those who want little motion get a picture that moves on once a second.
    if (this.#width === 0 || (this.#calm.matches && now - this.#drawnAt < 1000)) return;
    this.#drawnAt = now;
    this.#forgetBefore(now - (this.#width / pixelsPerSecond) * 1000 - 1000);
    this.#context.clearRect(0, 0, this.#width, this.#height);
    this.#drawScale(now);
    for (const outage of this.#outages) this.#drawOutage(outage, now);
    for (const mark of this.#marks) this.#drawMark(mark, now);
  }

  #lane(symbol: string | undefined): number {
    if (symbol === undefined) return noteLane;
    const lane = this.#laneOf.get(symbol) ?? this.#laneOf.size % lanes;
    this.#laneOf.set(symbol, lane);
    return lane;
  }

  #forgetBefore(time: number): void {
    const first = this.#marks.findIndex((mark) => mark.at >= time);
    if (first > 0) this.#marks.splice(0, first);
    this.#outages = this.#outages.filter((outage) => (outage.resumedAt ?? Number.POSITIVE_INFINITY) >= time);
  }

  #x(time: number, now: number): number {
    return this.#width - 8 - ((now - time) / 1000) * pixelsPerSecond;
  }

  /** The two banks, and below them how long ago. */
  #drawScale(now: number): void {
    const context = this.#context;
    context.fillStyle = this.#colours.rule;
    context.fillRect(0, 0, this.#width, 1);
    context.fillRect(0, this.#bed, this.#width, 1);
    context.font = this.#font;
    context.textBaseline = "alphabetic";
    context.textAlign = "right";
    context.fillStyle = this.#colours.text;
    context.fillText("now", this.#width - 4, this.#height - 3);
    context.textAlign = "center";
    for (let ago = 5; this.#x(now - ago * 1000, now) > 24; ago += 5) {
      const x = this.#x(now - ago * 1000, now);
      context.fillStyle = this.#colours.rule;
      context.fillRect(Math.round(x), this.#bed, 1, 4);
      context.fillStyle = this.#colours.text;
      context.fillText(`${ago} s ago`, x, this.#height - 3);
    }
  }

  #drawOutage({ lostAt, resumedAt }: Outage, now: number): void {
    const context = this.#context;
    const left = this.#x(lostAt, now);
    const right = this.#x(resumedAt ?? now, now);
    context.save();
    context.beginPath();
    context.rect(left, 1, right - left, this.#bed - 1);
    context.clip();
    context.globalAlpha = 0.16;
    context.fillStyle = this.#colours.lost;
    context.fillRect(left, 0, right - left, this.#bed);
    context.globalAlpha = 1;
    context.fillStyle = this.#colours.lost;
    context.fillRect(left, 0, 1.5, this.#bed);
    if (resumedAt !== undefined) context.fillRect(right - 1.5, 0, 1.5, this.#bed);
    context.restore();
    context.font = this.#font;
    context.textAlign = "left";
    context.textBaseline = "top";
    const label = `cut ${seconds((resumedAt ?? now) - lostAt)}`;
    if (right - left > context.measureText(label).width + 12) context.fillText(label, left + 6, 5);
  }

  #drawMark({ at, lane, late }: Mark, now: number): void {
    const context = this.#context;
    const x = this.#x(at, now);
    if (x > this.#width + 8) return;
    if (lane === noteLane) {
      context.fillStyle = this.#colours.note;
      const y = this.#bed / 2;
      context.beginPath();
      context.moveTo(x, y - 8);
      context.lineTo(x + 8, y);
      context.lineTo(x, y + 8);
      context.lineTo(x - 8, y);
      context.fill();
      return;
    }
    const top = 24;
    const y = top + ((this.#bed - top) / lanes) * (lane + 0.5);
    context.fillStyle = late ? this.#colours.late : this.#colours.live;
    context.beginPath();
    context.roundRect(x - 2.5, y - 5, 5, 10, 2.5);
    context.fill();
  }

  /** Where the water ends and the scale begins, in CSS pixels from the top. */
  get #bed(): number {
    return this.#height - 20;
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

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    live: colour("--live"),
    late: colour("--late"),
    note: colour("--note"),
    rule: colour("--rule"),
    text: colour("--soft"),
    lost: colour("--lost"),
  };
}
