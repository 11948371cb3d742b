// Listens to one user's messages as any page listens to an EventSource, only that the class comes from the package.

import { EventSource } from "millrace";
import { byId, make, setText } from "./dom.js";

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
    this.#show("connecting", "Connecting", "to the server.");
    const source = new EventSource(this.#url("sendMsg"));
    this.#source = source;
    source.onopen = () => this.#show("open", "Open", "Messages arrive as they are sent.");
    source.onmessage = ({ data, lastEventId }) => this.#add(lastEventId, data);
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.#show("closed", "Closed", "The page does not come back.");
      else this.#show("waiting", "Interrupted", "The page comes back in a moment.");
    };
  }

  /** Asks the server to end the user's streams, this one included. */
  async #close(): Promise<void> {
    try {
      const response = await fetch(this.#url("closeSse"));
      if (!response.ok) this.#complain(`The stream was not closed: ${await response.text()}`);
    } catch {
      this.#complain("The stream was not closed: the server does not answer.");
    }
  }

  #url(action: string): string {
    return new URL(`push/${action}?uid=${encodeURIComponent(this.#uid.value)}`, location.href).href;
  }

  #add(id: string, data: string): void {
    const row = make("li", "event");
    row.append(make("span", "event-id", id), make("span", "event-type", ""), make("span", "event-data", data));
    this.#messages.prepend(row);
    if (this.#messages.childElementCount > shownMessages) this.#messages.lastElementChild?.remove();
  }

  #show(state: State, text: string, detail: string): void {
    byId("state", HTMLElement).dataset.state = state;
    setText(byId("state-text", HTMLElement), text);
    setText(byId("state-detail", HTMLElement), detail);
  }

  #complain(sentence: string): void {
    this.#problem.hidden = false;
    setText(this.#problem, sentence);
  }

  /** Says that this browser cannot listen. */
  giveUp(): void {
    this.#show(
      "closed",
      "Not supported",
      "This browser has neither EventSource nor fetch: it cannot listen to a stream.",
    );
    for (const id of ["open", "close"]) byId(id, HTMLButtonElement).disabled = true;
  }
}

const page = new PushPage();
if (!("EventSource" in globalThis) && !("fetch" in globalThis)) page.giveUp();
