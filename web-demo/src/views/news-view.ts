// NewsView: the wire of headlines, and the form that adds one.

import type { Arrival } from "../arrival.js";
import { byId, make, setText } from "../dom.js";
import { language, onLanguage, words } from "../language.js";
import { publishFrom } from "../post.js";

const shown = 40;

interface Row {
  readonly item: HTMLLIElement;
  readonly desk: HTMLElement;
  readonly text: HTMLElement;
  readonly fields: Arrival["fields"];
}

export class NewsView {
  readonly #list = byId("headlines", HTMLOListElement);
  #rows: Row[] = [];
  readonly #ids = new Set<string>();

  constructor() {
    const text = byId("news-text", HTMLInputElement);
    publishFrom(byId("news-form", HTMLFormElement), text, byId("news-reply", HTMLElement), (headline) => ({
      topic: "demo/news",
      event: "news",
      data: { time: Date.now(), desk: "yours", text: headline },
    }));
    onLanguage(() => this.#rows.forEach(say));
  }

  add({ id, fields }: Arrival): void {
    if (this.#ids.has(id)) return; // from the history, or repeated after a return to an old ID
    this.#ids.add(id);
    const item = make("li", "headline");
    const row = { item, desk: make("span", "desk"), text: make("p", "headline-text"), fields };
    const time = make("time", "headline-time", clock(fields.time));
    item.append(time, row.desk, row.text);
    say(row);
    this.#list.prepend(item);
    this.#rows.unshift(row);
    for (const { item } of this.#rows.splice(shown)) item.remove();
    if (this.#ids.size > 10 * shown) this.#ids.clear();
  }
}

function say({ desk, text, fields }: Row): void {
  const name = typeof fields.desk === "string" && words.desks[fields.desk] ? fields.desk : "yours";
  desk.dataset.desk = name;
  setText(desk, words.desks[name] ?? "");
  setText(text, inLanguage(fields));
}

/** The event's text in the page's language, or otherwise in any language. */
export function inLanguage(fields: Arrival["fields"]): string {
  const said = fields[language()] ?? fields.text ?? fields.en ?? JSON.stringify(fields);
  return String(said).slice(0, 500);
}

/** `14:05`, from ms since 1970; the current time without a number. */
export function clock(time: unknown): string {
  const at = new Date(typeof time === "number" ? time : Date.now());
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}
