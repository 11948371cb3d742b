// Notes: the form that publishes to `demo/notes`, and the list of what people have published.

import { byId, make, setText } from "./dom.js";
import { shortened } from "./words.js";

const maxNotes = 50;

interface Note {
  readonly name: string;
  readonly text: string;
  readonly at: Date;
}

export class Notes {
  #url: string;
  #form = byId("note-form", HTMLFormElement);
  #name = byId("note-name", HTMLInputElement);
  #text = byId("note-text", HTMLTextAreaElement);
  #answer = byId("note-answer", HTMLElement);
  #list = byId("notes", HTMLOListElement);
  #empty = byId("notes-empty", HTMLElement);
  #pending: Note[] = [];
  #sending = false;

  /** `url` is where notes are published to. */
  constructor(url: string) {
    this.#url = url;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#publish();
    });
  }

  /** Takes a note that has arrived; anyone may publish anything here, so any JSON will do. */
  add(value: unknown): void {
    this.#pending.push({ ...noteOf(value), at: new Date() });
    if (this.#pending.length > maxNotes) this.#pending.shift();
  }

  draw(): void {
    if (this.#pending.length === 0) return;
    this.#list.prepend(...this.#pending.reverse().map(noteElement));
    this.#pending = [];
    while (this.#list.childElementCount > maxNotes) this.#list.lastElementChild?.remove();
    this.#empty.hidden = true;
  }

  async #publish(): Promise<void> {
    const text = this.#text.value.trim();
    if (this.#sending) return;
    if (text === "") return this.#say("There is nothing in the note yet.", "refused");
    this.#sending = true;
    try {
      const data = { name: this.#name.value.trim() || "someone", text };
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ topic: "demo/notes", event: "note", data }),
      });
      if (!response.ok) return this.#say(await refusal(response), "refused");
      const { id } = (await response.json()) as { id: string };
      this.#text.value = "";
      this.#say(`Published, with the ID ${id}.`, "accepted");
    } catch {
      this.#say("The server does not answer, so the note was not published. It is still in the box.", "refused");
    } finally {
      this.#sending = false;
    }
  }

  #say(sentence: string, outcome: "accepted" | "refused"): void {
    this.#answer.dataset.outcome = outcome;
    setText(this.#answer, sentence);
  }
}

/** Why the server refused, in its own words where it gave some. */
export async function refusal(response: Response): Promise<string> {
  const body = await response.text();
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === "string" && error !== "") return error;
  } catch {
    // Not the server's JSON: a proxy may have answered.
  }
  return `The server refused with status ${response.status} and gave no reason.`;
}

function noteElement({ name, text, at }: Note): HTMLLIElement {
  const element = make("li", "note");
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  element.append(
    make("strong", "note-name", shortened(name, 40)),
    make("time", "note-time", time),
    make("p", "note-text", shortened(text, 500)),
  );
  return element;
}

function noteOf(value: unknown): { name: string; text: string } {
  if (typeof value === "string") return { name: "someone", text: value };
  const { name, text } = (value ?? {}) as Record<string, unknown>;
  return {
    name: typeof name === "string" && name !== "" ? name : "someone",
    text: typeof text === "string" ? text : JSON.stringify(value),
  };
}
