// GaugesView: the server's own figures as charts, with an alarm line.

import type { Arrival } from "../arrival.js";
import type { Chart } from "../chart.js";
import { byId, setText } from "../dom.js";
import { grouped, onLanguage, words } from "../language.js";

const span = 120; // seconds
const names = ["cpu", "memory", "streams", "deliveries"] as const;
type Name = (typeof names)[number];

const megabytes = 1_000_000;
const texts: Record<Name, (value: number) => string> = {
  cpu: (value) => value.toFixed(1),
  memory: (value) => (value / megabytes).toFixed(1),
  streams: grouped,
  deliveries: grouped,
};

export class GaugesView {
  readonly #slider = byId("alarm-line", HTMLInputElement);
  readonly #charts = new Map<Name, Chart>();
  readonly #waiting: Arrival[] = [];
  readonly #note = byId("log-note", HTMLElement);
  #log: { bytes: number; full: number } | undefined;
  #deliveries = 0;

  constructor() {
    void import("../chart.js").then(({ Chart }) => {
      for (const name of names) {
        const options = { span, label: texts[name], fromZero: name !== "memory", whole: name === "streams" };
        const alarm = () => this.#slider.valueAsNumber;
        this.#charts.set(
          name,
          new Chart(byId(`chart-${name}`, HTMLElement), name === "deliveries" ? { ...options, alarm } : options),
        );
      }
      for (const arrival of this.#waiting.splice(0)) this.#chart(arrival);
    });
    this.#slider.addEventListener("input", () => this.#judge());
    onLanguage(() => this.#judge());
    this.#judge();
  }

  /** Adds current figures, or earlier ones, which only the charts show. */
  add(arrival: Arrival): void {
    if (this.#charts.size > 0) this.#chart(arrival);
    else this.#waiting.push(arrival);
    if (arrival.late) return;
    const { fields } = arrival;
    for (const name of names) {
      const value = fields[name];
      if (typeof value === "number") setText(byId(`gauge-${name}`, HTMLElement), texts[name](value));
    }
    const { log, logFull } = fields;
    if (typeof log === "number" && typeof logFull === "number") this.#log = { bytes: log, full: logFull };
    if (typeof fields.deliveries === "number") this.#deliveries = fields.deliveries;
    this.#judge();
  }

  draw(): void {
    for (const chart of this.#charts.values()) chart.draw();
  }

  #chart({ fields }: Arrival): void {
    const { time } = fields;
    if (typeof time !== "number") return;
    for (const [name, chart] of this.#charts) {
      const value = fields[name];
      if (typeof value === "number") chart.add(time, value);
    }
  }

  #judge(): void {
    const line = this.#slider.valueAsNumber;
    const over = this.#deliveries > line;
    setText(byId("alarm-value", HTMLElement), grouped(line));
    setText(byId("alarm-text", HTMLElement), over ? words.alarmOver : words.alarmUnder);
    byId("alarm", HTMLElement).dataset.alarm = String(over);
    if (this.#log) setText(this.#note, logInWords(this.#log));
    this.#charts.get("deliveries")?.refresh();
  }
}

/** Why the memory grows, and when that ends. */
function logInWords({ bytes, full }: { bytes: number; full: number }): string {
  const size = texts.memory(bytes);
  return full < 100 ? words.logFills(size, grouped(full)) : words.logIsFull(size);
}
