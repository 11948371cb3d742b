// PricesView: the table of symbols with price, change and a sparkline. Its rows stand before the first tick comes, so
// that nothing moves when it does.

import type { Tick } from "./arrival.ts";
import { make } from "./dom.ts";

const reservedRows = 5;
const maxPoints = 32;
const width = 120;
const height = 28;
const svgNamespace = "http://www.w3.org/2000/svg";

interface Row {
  readonly symbol: HTMLElement;
  readonly price: HTMLElement;
  readonly change: HTMLElement;
  readonly line: SVGPolylineElement;
  readonly course: number[];
  first?: number;
  dirty: boolean;
}

export class PricesView {
  #body: HTMLTableSectionElement;
  #rows: Row[] = [];
  #bySymbol = new Map<string, Row>();

  constructor(body: HTMLTableSectionElement) {
    this.#body = body;
    for (let i = 0; i < reservedRows; ++i) this.#addRow();
  }

  add(tick: Tick): void {
    const row = this.#bySymbol.get(tick.symbol) ?? this.#claimRow(tick.symbol);
    row.first ??= tick.price;
    row.course.push(tick.price);
    if (row.course.length > maxPoints) row.course.shift();
    row.dirty = true;
  }

  draw(): void {
    for (const row of this.#rows) {
      if (row.dirty) drawRow(row);
      row.dirty = false;
    }
  }

  #claimRow(symbol: string): Row {
    const row = this.#rows[this.#bySymbol.size] ?? this.#addRow();
    this.#bySymbol.set(symbol, row);
    row.symbol.textContent = symbol;
    return row;
  }

  #addRow(): Row {
    const tr = this.#body.insertRow();
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
    tr.append(symbol, price, change, spark);
    const row: Row = { symbol, price, change, line, course: [], dirty: false };
    this.#rows.push(row);
    return row;
  }
}

function drawRow(row: Row): void {
  const price = row.course.at(-1) ?? 0;
  const first = row.first ?? price;
  const percent = first === 0 ? 0 : ((price - first) / first) * 100;
  row.price.textContent = price.toFixed(2);
  row.change.textContent = `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(2)} %`;
  row.change.dataset["way"] = percent < 0 ? "down" : "up";
  row.line.setAttribute("points", sparkline(row.course));
}

/** The points of a polyline through the prices, newest at the right edge, spread over the whole height. */
function sparkline(course: readonly number[]): string {
  const low = Math.min(...course);
  const span = Math.max(...course) - low || 1;
  const step = width / (maxPoints - 1);
  const left = width - (course.length - 1) * step;
  return course
    .map((price, i) => `${(left + i * step).toFixed(1)},${(height - 3 - ((price - low) / span) * (height - 6)).toFixed(1)}`)
    .join(" ");
}
