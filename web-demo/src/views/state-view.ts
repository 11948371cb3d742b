// StateView: the state of the connection, in words and colour, and the texts for screen readers.

import type { Outage } from "../arrival.js";
import { byId, setText } from "../dom.js";
import { grouped, lasting, seconds, words } from "../language.js";
import type { Tally } from "../tally.js";
import type { Link, Loss } from "../wire.js";

/** The page shows a silence of the server that lasts longer than this, in ms. */
const silenceAfter = 2500;

export class StateView {
  readonly #state = byId("state", HTMLElement);
  readonly #text = byId("state-text", HTMLElement);
  readonly #detail = byId("state-detail", HTMLElement);
  readonly #verdict = byId("verdict", HTMLElement);
  readonly #announcement = byId("announcement", HTMLElement);
  readonly #nextTry = byId("next-try", HTMLElement);
  #link: Link = { state: "connecting" };
  #outage: Outage | undefined;

  linkChanged(link: Link): void {
    this.#link = link;
    if (link.state === "open" && !this.#outage) this.#announce(words.connected);
    if (link.state === "waiting") {
      const wait = Math.ceil(waitOf(link, performance.now()) / 1000);
      this.#announce(words.nextTryIn(lossInWords(link.loss), wait));
    }
    if (link.state === "closed") this.#announce(words.noMoreTries(lossInWords(link.loss)));
  }

  lost(outage: Outage): void {
    this.#outage = outage;
  }

  caughtUp(outage: Outage, tally: Tally): void {
    this.#outage = outage;
    this.#announce(verdictText(outage, tally, performance.now()));
  }

  /** `heardAt`: the last arrival; `expectsMuch`: events arrive all the time unless something is wrong. */
  draw(now: number, tally: Tally, heardAt: number, expectsMuch: boolean): void {
    const silence = expectsMuch && this.#link.state === "open" ? now - heardAt : 0;
    const [state, text, detail] = silence > silenceAfter ? silentWords(silence) : this.#words(now);
    this.#state.dataset.state = state;
    setText(this.#text, text);
    setText(this.#detail, detail);
    setText(this.#nextTry, this.#link.state === "waiting" ? `${seconds(waitOf(this.#link, now))} s` : "–");
    setText(this.#verdict, this.#outage ? verdictText(this.#outage, tally, now) : words.verdict);
  }

  #words(now: number): [string, string, string] {
    const link = this.#link;
    switch (link.state) {
      case "connecting":
        return [link.state, words.connecting, words.connectingDetail];
      case "open":
        return [link.state, words.open, words.openDetail];
      case "closed":
        return [link.state, words.closed, words.closedDetail(lossInWords(link.loss))];
      case "waiting": {
        const wait = waitOf(link, now);
        const text = wait > 0 ? words.waiting(seconds(wait)) : words.waitingNow;
        return [link.state, text, lossInWords(link.loss)];
      }
    }
  }

  /** Screen readers announce changes of the state, not every event or second. */
  #announce(sentence: string): void {
    setText(this.#announcement, sentence);
  }
}

function waitOf(link: Link & { state: "waiting" }, now: number): number {
  return Math.max(0, link.retryAt - now);
}

function silentWords(silence: number): [string, string, string] {
  return ["silent", words.silent(Math.floor(silence / 1000)), words.silentDetail];
}

/** Why there is no connection, as a sentence. */
function lossInWords({ reason, status, wasOpen }: Loss): string {
  switch (reason) {
    case "end-of-stream":
      return words.lossEnd;
    case "gone":
      return words.lossGone;
    case "timeout":
      return words.lossTimeout;
    case "status":
      if (status === 204) return words.lossFinished;
      return status === 401 || status === 403 ? words.lossKey : words.lossStatus(status);
    case "content-type":
      return words.lossType;
    case "buffered":
      return words.lossBuffered;
    case "too-large":
      return words.lossLarge;
    case "unreadable":
      return words.cannotRead;
    default:
      return wasOpen ? words.lossBroken : words.lossNoAnswer;
  }
}

function verdictText(outage: Outage, { missed, doubled }: Tally, now: number): string {
  const { why, lostAt, resumedAt, resumedId = "", caughtUp, gap } = outage;
  if (resumedAt === undefined) return words.verdictAway(lasting(now - lostAt));
  const away = lasting(resumedAt - lostAt);
  if (gap) return words.verdictGap(away);
  if (why === "again") return words.verdictAgain(resumedId, grouped(caughtUp));
  const verdict = why === "changed" ? words.verdictChanged : words.verdictBack;
  return verdict(away, resumedId, grouped(caughtUp), grouped(missed), grouped(doubled));
}
