// The page of `millrace serve --ui`: asks for a key if the server wants one, and then shows who is connected.

import { byId, setText } from "../src/dom.js";
import { Admin, Refused } from "./admin.js";
import { Lists } from "./lists.js";
import { PublishForm } from "./publish-form.js";
import { WirePanel } from "./wire-panel.js";

const shortestPause = 2000; // ms between two lists of subscriptions
const share = 20; // a list may take a twentieth of the server's and this page's time

class Page {
  readonly #admin = new Admin();
  readonly #lists = new Lists();
  readonly #wire = new WirePanel(this.#admin, (topic, lastId) => this.#lists.count(topic, lastId));
  readonly #access = byId("access", HTMLFormElement);
  readonly #problem = byId("problem", HTMLElement);
  #next = 0; // the timer of the next list
  #round = 0; // a list that was asked for with another key does not count

  constructor() {
    new PublishForm(this.#admin);
    this.#access.addEventListener("submit", (event) => {
      event.preventDefault();
      const input = byId("key", HTMLInputElement);
      this.#admin.use(input.value.trim());
      input.value = "";
      void this.refresh();
    });
    byId("forget", HTMLButtonElement).addEventListener("click", () => {
      this.#admin.use("");
      this.#ask("The key is forgotten.");
    });
  }

  async refresh(): Promise<void> {
    clearTimeout(this.#next);
    const round = ++this.#round;
    const begun = performance.now();
    try {
      const all = await this.#admin.subscriptions();
      if (round !== this.#round) return;
      this.#show(true);
      this.#problem.hidden = true;
      this.#lists.showSubscriptions(all);
    } catch (error) {
      if (round !== this.#round) return;
      // Without a key there is nothing wrong yet.
      if (error instanceof Refused && error.needsKey) return this.#ask(this.#admin.hasKey ? error.message : "");
      this.#problem.hidden = false;
      setText(this.#problem, error instanceof Error ? error.message : String(error));
    }
    const pause = Math.max(shortestPause, share * (performance.now() - begun));
    this.#next = setTimeout(() => void this.refresh(), pause);
  }

  /** Asks for a key. What was shown by the one before goes. */
  #ask(why: string): void {
    clearTimeout(this.#next);
    ++this.#round;
    this.#wire.close();
    this.#lists.showSubscriptions([]);
    this.#show(false);
    setText(byId("refused", HTMLElement), why);
    byId("key", HTMLInputElement).focus();
  }

  #show(isAllowed: boolean): void {
    this.#access.hidden = isAllowed;
    byId("desk", HTMLElement).hidden = !isAllowed;
    byId("figures", HTMLElement).hidden = !isAllowed;
    byId("forget", HTMLButtonElement).hidden = !isAllowed || !this.#admin.hasKey;
  }
}

void new Page().refresh();
