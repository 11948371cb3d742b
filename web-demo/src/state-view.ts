// StateView: how the connection stands, in words and colour, and what is said aloud to those who listen to the page.

import type { Outage } from "./arrival.js";
import { byId, setText } from "./dom.js";
import type { Link } from "./subscription.js";
import type { Tally } from "./tally.js";
import { grouped, seconds } from "./words.js";

export class StateView {
  #state = byId("state", HTMLElement);
  #text = byId("state-text", HTMLElement);
  #detail = byId("state-detail", HTMLElement);
  #verdict = byId("verdict", HTMLElement);
  #announcement = byId("announcement", HTMLElement);
  #link: Link = { state: "connecting" };
  #outage: Outage | undefined;

  linkChanged(link: Link): void {
    this.#link = link;
    this.#state.dataset.state = link.state;
    if (link.state === "open" && !this.#outage) this.#announce("Connected. Events are arriving.");
    if (link.state === "waiting")
      this.#announce(`${link.why} Next try in ${Math.ceil(this.#wait(link, performance.now()) / 1000)} seconds.`);
    if (link.state === "closed") this.#announce(`${link.why} The page does not try again.`);
  }

  lost(outage: Outage): void {
    this.#outage = outage;
  }

  caughtUp(outage: Outage, tally: Tally): void {
    this.#announce(verdictText(outage, tally, performance.now()));
  }

  draw(now: number, tally: Tally): void {
    const [text, detail] = this.#words(now);
    setText(this.#text, text);
    setText(this.#detail, detail);
    if (this.#outage) setText(this.#verdict, verdictText(this.#outage, tally, now));
  }

  #words(now: number): [string, string] {
    const link = this.#link;
    switch (link.state) {
      case "connecting":
        return ["Connecting", "to the server."];
      case "open":
        return ["Open", "Events arrive the moment they are published."];
      case "closed":
        return ["Closed", `${link.why} Reload the page to try again.`];
      case "waiting": {
        const wait = this.#wait(link, now);
        return wait > 0 ? [`Reconnecting in ${seconds(wait)}`, link.why] : ["Reconnecting now", link.why];
      }
    }
  }

  #wait(link: Link & { state: "waiting" }, now: number): number {
    return Math.max(0, link.retryAt - now);
  }

  /** Only what changes the state is said aloud, not every tick or second. */
  #announce(sentence: string): void {
    setText(this.#announcement, sentence);
  }
}

function verdictText(outage: Outage, { missed, doubled }: Tally, now: number): string {
  const { lostAt, resumedAt, resumedId, caughtUp, gap } = outage;
  if (resumedAt === undefined) {
    return `No connection for ${seconds(now - lostAt)}. The page will ask for everything after the last event ID.`;
  }
  const away = seconds(resumedAt - lostAt);
  if (gap) return `Cut for ${away}, and the server could not go on where this page had stopped.`;
  const events = caughtUp === 1 ? "1 event" : `${grouped(caughtUp)} events`;
  const proof =
    missed + doubled === 0
      ? "nothing missed, nothing doubled"
      : `${grouped(missed)} missed, ${grouped(doubled)} doubled`;
  return `Cut for ${away}, resumed after ID ${resumedId}: ${events} caught up, ${proof}.`;
}
