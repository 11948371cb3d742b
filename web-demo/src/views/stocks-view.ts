// StocksView: the board of prices, and the chart of one stock. It collects changes and draws the visible ones once a
// frame.

import type { Arrival } from "../arrival.js";
import type { Chart } from "../chart.js";
import { byId, make, setText } from "../dom.js";
import { grouped } from "../language.js";
import { Rate } from "../rate.js";

const rowsAtFirst = 48;
const maxStocks = 64; // anyone may publish here
const maxSymbol = 12;
const maxCourse = 1000;
const chartSpan = 60; // seconds
const chartEvery = 100; // ms
const figuresEvery = 500; // ms
const flashFor = 400; // ms
const completeWithin = 300; // ms; then the board is drawn with the prices that it has

interface Row {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly priceText: HTMLElement;
  readonly changeCell: HTMLElement;
  readonly bar: HTMLElement;
  /** Whether it is visible, inside the board and the window. */
  seen: boolean;
  flash?: Animation;
}

interface Stock {
  readonly symbol: string;
  readonly first: number;
  /** undefined while it has no place on the board. */
  row: Row | undefined;
  price: number;
  drawn: number;
  times: number[];
  prices: number[];
}

export class StocksView {
  readonly #rate = new Rate();
  readonly #frames = new Rate();
  readonly #table = byId("prices", HTMLTableSectionElement);
  readonly #rows: Row[] = [];
  readonly #sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const row = this.#rows.find(({ element }) => element === target);
      if (row) row.seen = isIntersecting;
    }
  });
  readonly #stocks = new Map<string, Stock>();
  readonly #changed = new Set<Stock>();
  readonly #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #chosen: Stock | undefined;
  /** When the first stock without a place arrived. */
  #waitingSince: number | undefined;
  #chart: Chart | undefined;
  #chartAt = 0;
  #figuresAt = 0;

  constructor() {
    for (let i = 0; i < rowsAtFirst; ++i) this.#addRow();
    this.#stopAt(this.#rows[0]);
    this.#table.addEventListener("keydown", (event) => this.#key(event));
    // The file that draws charts is loaded at its first use.
    void import("../chart.js").then(({ Chart }) => {
      const label = (price: number) => price.toFixed(2);
      this.#chart = new Chart(byId("price-chart", HTMLElement), { span: chartSpan, label, fromZero: false });
      this.#choose(this.#chosen);
    });
  }

  add({ fields }: Arrival, now: number): void {
    const tick = tickIn(fields);
    if (!tick) return;
    const { symbol, price, time } = tick;
    this.#rate.add(1, now);
    const stock = this.#stocks.get(symbol) ?? this.#list(symbol, price, now);
    if (!stock) return;
    stock.price = price;
    this.#changed.add(stock);
    if (time < (stock.times.at(-1) ?? 0)) return; // repeated after a return to an old ID
    stock.times.push(time);
    stock.prices.push(price);
    if (stock.times.length > maxCourse) {
      stock.times.splice(0, maxCourse / 4);
      stock.prices.splice(0, maxCourse / 4);
    }
  }

  /** A price from before the page was opened; ignored if there is a newer one. */
  begin(fields: Arrival["fields"]): void {
    const tick = tickIn(fields);
    if (!tick || this.#stocks.has(tick.symbol)) return;
    const stock = this.#list(tick.symbol, tick.price, performance.now());
    if (stock) this.#changed.add(stock);
  }

  draw(now: number): void {
    this.#frames.add(1, now);
    const isComplete = this.#stocks.size >= rowsAtFirst || now - (this.#waitingSince ?? now) > completeWithin;
    const isNew = this.#waitingSince !== undefined && isComplete;
    if (isNew) this.#layOut();
    const figuresDue = now - this.#figuresAt >= figuresEvery;
    if (this.#chosen && this.#changed.has(this.#chosen) && now - this.#chartAt > chartEvery) {
      this.#chartAt = now;
      this.#drawChosen(this.#chosen);
    }
    this.#chart?.draw();
    for (const stock of this.#changed) {
      if (!stock.row) continue;
      if (!stock.row.seen && !figuresDue && !isNew) continue; // often enough for screen readers
      this.#drawStock(stock, stock.row);
      this.#changed.delete(stock);
    }
    if (!figuresDue) return;
    this.#figuresAt = now;
    setText(byId("tick-rate", HTMLElement), grouped(this.#rate.perSecond(now)));
    setText(byId("frame-rate", HTMLElement), grouped(this.#frames.perSecond(now)));
  }

  #drawStock(stock: Stock, row: Row): void {
    if (stock.price === stock.drawn) return;
    const rose = stock.price > stock.drawn;
    const isNew = Number.isNaN(stock.drawn);
    stock.drawn = stock.price;
    const change = (stock.price / stock.first - 1) * 100;
    setText(row.priceText, stock.price.toFixed(2));
    setText(row.changeCell, percent(change));
    row.changeCell.dataset.way = change < 0 ? "down" : "up";
    row.bar.dataset.way = change < 0 ? "down" : "up";
    row.bar.style.backgroundSize = `${Math.min(Math.abs(change) * 20, 100)}% 100%`;
    if (this.#calm.matches || isNew || !row.seen) return;
    const colour = `var(--${rose ? "up" : "down"}-wash)`;
    row.flash?.cancel(); // one at a time
    row.flash = row.priceText.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], flashFor);
  }

  #drawChosen({ price, first, times, prices }: Stock): void {
    setText(byId("chart-price", HTMLElement), price.toFixed(2));
    const change = byId("chart-change", HTMLElement);
    const percents = (price / first - 1) * 100;
    setText(change, percent(percents));
    change.dataset.way = percents < 0 ? "down" : "up";
    this.#chart?.show(times, prices);
  }

  #choose(stock: Stock | undefined): void {
    if (!stock) return;
    this.#chosen?.row?.button.setAttribute("aria-pressed", "false");
    this.#chosen = stock;
    stock.row?.button.setAttribute("aria-pressed", "true");
    this.#stopAt(stock.row);
    setText(byId("chart-symbol", HTMLElement), stock.symbol);
    this.#drawChosen(stock);
  }

  /** Adds a symbol without a place on the board. */
  #list(symbol: string, price: number, now: number): Stock | undefined {
    if (this.#stocks.size >= maxStocks) return undefined;
    const added: Stock = { symbol, first: price, row: undefined, price, drawn: Number.NaN, times: [], prices: [] };
    this.#stocks.set(symbol, added);
    this.#waitingSince ??= now;
    return added;
  }

  /** Gives all stocks a place in alphabetical order. The rows stay where they are, and their contents move. */
  #layOut(): void {
    this.#waitingSince = undefined;
    const inOrder = [...this.#stocks.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
    const chosen = this.#chosen ?? inOrder[0];
    for (const [index, stock] of inOrder.entries()) {
      const row = this.#rows[index] ?? this.#addRow();
      stock.row = row;
      stock.drawn = Number.NaN;
      setText(row.button, stock.symbol);
      row.button.disabled = false;
      row.button.setAttribute("aria-pressed", String(stock === chosen));
      this.#changed.add(stock);
    }
    this.#choose(chosen);
  }

  /** The board is one stop for the Tab key, and arrow keys move between its rows. */
  #stopAt(row: Row | undefined): void {
    if (!row) return;
    for (const { button } of this.#rows) button.tabIndex = button === row.button ? 0 : -1;
  }

  #key(event: KeyboardEvent): void {
    const last = this.#stocks.size - 1;
    const at = this.#rows.findIndex(({ button }) => button === event.target);
    const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    const row = to === undefined || at < 0 ? undefined : this.#rows[to];
    if (!row) return;
    event.preventDefault();
    this.#stopAt(row);
    row.button.focus();
  }

  #addRow(): Row {
    const element = make("tr", "");
    const head = make("th", "");
    head.scope = "row";
    const button = make("button", "symbol", "–");
    button.type = "button";
    button.disabled = true;
    button.tabIndex = -1;
    button.addEventListener("click", () => this.#choose(this.#stocks.get(button.textContent ?? "")));
    head.append(button);
    const priceCell = make("td", "number");
    const priceText = make("span", "price", "–");
    priceCell.append(priceText);
    const changeCell = make("td", "number change");
    const barCell = make("td", "bar-cell");
    const bar = make("span", "change-bar");
    barCell.append(bar);
    element.append(head, priceCell, changeCell, barCell);
    this.#table.append(element);
    const row = { element, button, priceText, changeCell, bar, seen: false };
    this.#rows.push(row);
    this.#sight.observe(element);
    return row;
  }
}

interface Tick {
  readonly symbol: string;
  readonly price: number;
  readonly time: number;
}

/** undefined if it is not a change of a price. */
function tickIn({ symbol, price, time }: Arrival["fields"]): Tick | undefined {
  if (typeof symbol !== "string" || symbol.length > maxSymbol) return undefined;
  return typeof price === "number" && typeof time === "number" ? { symbol, price, time } : undefined;
}

function percent(change: number): string {
  const digits = Math.abs(change).toFixed(2);
  return `${change < 0 && digits !== "0.00" ? "−" : "+"}${digits} %`;
}
