// PricesView: the table of symbols with price, change and a sparkline. Its rows stand before the first tick comes, so
// that nothing moves when it does; the symbols fill them in alphabetical order.

import type { Tick } from "./arrival.js";
import { make, setText } from "./dom.js";

/** As many as the server's made-up market has symbols; more get rows of their own when they come. */
const reservedRows = 8;
const maxPoints = 24;
const width = 120;
const height = 28;
const svgNamespace = "http://www.w3.org/2000/svg";

interface Share {
  readonly symbol: string;
  readonly first: number;
  /** The latest prices, newest last. */
  readonly course: number[];
}

interface Row {
  readonly symbol: HTMLElement;
  readonly price: HTMLElement;
  readonly change: HTMLElement;
  readonly line: SVGPolylineElement;
}

export class PricesView {
  #body: HTMLTableSectionElement;
  #rows: Row[] = [];
  #shares: Share[] = [];
  #dirty = new Set<Share>();

  constructor(body: HTMLTableSectionElement) {
    this.#body = body;
    for (let i = 0; i < reservedRows; ++i) this.#rows.push(addRow(body));
  }

  add({ symbol, price }: Tick): void {
    const share = this.#shares.find((known) => known.symbol === symbol) ?? this.#addShare(symbol, price);
    share.course.push(price);
    if (share.course.length > maxPoints) share.course.shift();
    this.#dirty.add(share);
  }

  draw(): void {
    this.#shares.forEach((share, i) => {
      const row = this.#rows[i];
      if (row && this.#dirty.has(share)) drawRow(row, share);
    });
    this.#dirty.clear();
  }

  #addShare(symbol: string, first: number): Share {
    const share: Share = { symbol, first, course: [] };
    this.#shares.push(share);
    this.#shares.sort((a, b) => a.symbol.localeCompare(b.symbol));
    if (this.#rows.length < this.#shares.length) this.#rows.push(addRow(this.#body));
    this.#dirty = new Set(this.#shares);
    return share;
  }
}

function addRow(body: HTMLTableSectionElement): Row {
  const symbol = make("th", "symbol", "–");
  symbol.scope = "row";
  const price = make("td", "number", "–");
  const change = make("td", "number change", "–");
  const spark = make("td", "spark");
  const svg = document.createElementNS(svgNamespace, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(svgNamespace, "polyline");
  svg.append(line);
  spark.append(svg);
  body.insertRow().append(symbol, price, change, spark);
  return { symbol, price, change, line };
}

function drawRow(row: Row, { symbol, first, course }: Share): void {
  const price = course.at(-1) ?? first;
  const percent = first === 0 ? 0 : ((price - first) / first) * 100;
  setText(row.symbol, symbol);
  setText(row.price, price.toFixed(2));
  setText(row.change, `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(2)} %`);
  row.change.dataset.way = percent < 0 ? "down" : "up";
  row.line.setAttribute("points", sparkline(course));
}

/** The points of a polyline through the prices, newest at the right edge, spread over the whole height. */
function sparkline(course: readonly number[]): string {
  const low = Math.min(...course);
  const span = Math.max(...course) - low || 1;
  const step = width / (maxPoints - 1);
  const left = width - (course.length - 1) * step;
  const y = (price: number) => height - 3 - ((price - low) / span) * (height - 6);
  return course.map((price, i) => `${(left + i * step).toFixed(1)},${y(price).toFixed(1)}`).join(" ");
}
