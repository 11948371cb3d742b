// Chart: a line over the last minutes, drawn by uPlot in the page's colours.

import uPlot from "uplot";
import { resolvedColour } from "./dom.js";

export interface ChartOptions {
  /** Seconds shown. */
  readonly span: number;
  /** Formats a number for the axis. */
  readonly label: (value: number) => string;
  /** Begins at zero, rather than close to the lowest value. */
  readonly fromZero: boolean;
  /** Only whole numbers make sense. */
  readonly whole?: boolean;
  /** A line across, which the scale always includes. */
  readonly alarm?: () => number;
}

const maxPoints = 1200;
const wholeSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

export class Chart {
  readonly #place: HTMLElement;
  readonly #options: ChartOptions;
  #times: number[] = [];
  #values: number[] = [];
  #plot: uPlot | undefined;
  #stale = true;

  constructor(place: HTMLElement, options: ChartOptions) {
    this.#place = place;
    this.#options = options;
    for (const colours of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(colours).addEventListener("change", () => this.#rebuild());
    }
    new ResizeObserver(() => {
      if (place.clientWidth === 0) return;
      if (this.#plot) this.#plot.setSize({ width: place.clientWidth, height: place.clientHeight });
      this.#stale = true;
    }).observe(place);
  }

  /** `time` in ms since 1970. Inserts values that are older than the first one before it, once. */
  add(time: number, value: number): void {
    const at = time / 1000;
    const before = this.#times.findLastIndex((other) => other <= at);
    if (this.#times[before] === at) return; // repeated after a return to an old ID
    this.#times.splice(before + 1, 0, at);
    this.#values.splice(before + 1, 0, value);
    if (this.#times.length > maxPoints) {
      this.#times.shift();
      this.#values.shift();
    }
    this.#stale = true;
  }

  show(times: readonly number[], values: readonly number[]): void {
    this.#times = times.map((time) => time / 1000);
    this.#values = [...values];
    this.#stale = true;
  }

  /** Redraws after a change. Call it while the chart is visible. */
  draw(): void {
    if (!this.#stale || this.#place.clientWidth === 0) return;
    this.#stale = false;
    this.#plot ??= this.#build();
    this.#plot.setData([this.#times, this.#values]);
  }

  #rebuild(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#stale = true;
  }

  #build(): uPlot {
    const style = getComputedStyle(this.#place);
    const colour = (name: string) => resolvedColour(this.#place, name);
    const { span, label, fromZero, whole, alarm } = this.#options;
    const axis = {
      stroke: colour("--soft"),
      font: `12px ${style.fontFamily}`,
      grid: { stroke: colour("--rule"), width: 1 },
      ticks: { show: false },
    };
    return new uPlot(
      {
        width: this.#place.clientWidth,
        height: this.#place.clientHeight,
        cursor: { show: false },
        legend: { show: false },
        scales: {
          x: { time: true, range: (_, __, latest) => [latest - span, latest] },
          y: { range: (_, low, high) => rangeOf(low, high, fromZero, alarm?.() ?? Number.NEGATIVE_INFINITY) },
        },
        axes: [
          { ...axis, space: 80, size: 26, values: (_, times) => times.map(clockOf) },
          {
            ...axis,
            size: 52,
            space: 34,
            values: (_, values) => values.map((value) => label(value)),
            ...(whole ? { incrs: wholeSteps } : {}),
          },
        ],
        series: [{}, { stroke: colour("--accent"), width: 2, fill: colour("--accent-wash"), points: { show: false } }],
        hooks: alarm ? { draw: [(plot) => drawAlarm(plot, alarm(), colour("--lost"))] } : {},
      },
      [this.#times, this.#values],
      this.#place,
    );
  }

  /** Call it when the alarm line has moved. */
  refresh(): void {
    this.#stale = true;
  }
}

/** `14:05:30`, from seconds since 1970. */
function clockOf(time: number): string {
  return new Date(time * 1000).toLocaleTimeString("en-GB");
}

function rangeOf(low: number, high: number, fromZero: boolean, alarm: number): [number, number] {
  if (low === null || high === null) return [0, 1];
  const top = Math.max(high, alarm);
  if (fromZero) return [0, Math.max(top * 1.15, 1)];
  const margin = Math.max((top - low) * 0.15, top * 0.001);
  return [low - margin, top + margin];
}

function drawAlarm({ ctx, bbox, valToPos }: uPlot, value: number, colour: string): void {
  const y = Math.round(valToPos(value, "y", true));
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
