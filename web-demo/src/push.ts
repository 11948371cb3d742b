// Listens to one user's messages as any page does with an EventSource; only the class comes from the package.

import { EventSource } from "millrace";
import { byId, make, setText } from "./dom.js";
import { speak, words } from "./language.js";
import { refusal } from "./post.js";

speak(byId("language", HTMLButtonElement), "pushTitle");

const shownMessages = 100;

type State = "connecting" | "open" | "waiting" | "closed";

class PushPage {
  readonly #uid = byId("uid", HTMLInputElement);
  readonly #messages = byId("messages", HTMLOListElement);
  readonly #problem = byId("problem", HTMLElement);
  #source: EventSource | undefined;

  constructor() {
    byId("user-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#open();
    });
    byId("close", HTMLButtonElement).addEventListener("click", () => void this.#close());
  }

  #open(): void {
    this.#source?.close();
    this.#problem.hidden = true;
    this.#show("connecting", words.connecting, words.connectingDetail);
    const source = new EventSource(this.#url("sendMsg"));
    this.#source = source;
    source.onopen = () => this.#show("open", words.open, words.pushOpen);
    source.onmessage = ({ data, lastEventId }) => this.#add(lastEventId, data);
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.#show("closed", words.closed, words.pushNotBack);
      else this.#show("waiting", words.interrupted, words.pushBack);
    };
  }

  /** Asks the server to end the user's streams, this one included. */
  async #close(): Promise<void> {
    try {
      const response = await fetch(this.#url("closeSse"));
      if (!response.ok) this.#complain(words.notClosed(await refusal(response)));
    } catch {
      this.#complain(words.notClosed(words.noAnswer));
    }
  }

  #url(action: string): string {
    return new URL(`push/${action}?uid=${encodeURIComponent(this.#uid.value)}`, location.href).href;
  }

  #add(id: string, data: string): void {
    const row = make("li", "");
    row.append(make("span", "pushed-id", id), make("span", "pushed-data", data));
    this.#messages.prepend(row);
    if (this.#messages.childElementCount > shownMessages) this.#messages.lastElementChild?.remove();
  }

  #show(state: State, text: string, detail: string): void {
    byId("state", HTMLElement).dataset.state = state;
    for (const [id, sentence] of [
      ["state-text", text],
      ["state-detail", detail],
    ] as const) {
      const element = byId(id, HTMLElement);
      delete element.dataset.t; // its text now differs from the words in the HTML
      setText(element, sentence);
    }
  }

  #complain(sentence: string): void {
    this.#problem.hidden = false;
    setText(this.#problem, sentence);
  }

  /** Shows that this browser cannot listen. */
  giveUp(): void {
    this.#show("closed", words.unsupported, words.neither);
    for (const id of ["open", "close"]) byId(id, HTMLButtonElement).disabled = true;
  }
}

const page = new PushPage();
if (!("EventSource" in globalThis) && !("fetch" in globalThis)) page.giveUp();
