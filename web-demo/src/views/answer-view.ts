// AnswerView: a prompt, and the answer as its tokens come. The answer is the server's: a cut, a reload or another tab
// comes back to it, and Stop ends the writing for all of them.

import { type Connection, ConnectionError, connect } from "millrace";
import { fieldsOf } from "../arrival.js";
import { byId, make, setText } from "../dom.js";
import { type KeptAnswer, keep, keptAnswer, noteRead, onKept, readBefore } from "../kept-answer.js";
import { grouped, language, onLanguage, words } from "../language.js";
import { press } from "../post.js";
import { newName } from "../sharing.js";

type Ending = "complete" | "stopped" | "interrupted" | "failed";
type Status = "idle" | "writing" | "reloaded" | "elsewhere" | "waiting" | "resumed" | Ending;
type Mark = "cut" | "reload";

/** By the type of the last event. */
const endings: ReadonlyMap<string, Ending> = new Map([
  ["done", "complete"],
  ["stopped", "stopped"],
  ["interrupted", "interrupted"],
  ["failed", "failed"],
]);

export class AnswerView {
  readonly #prompt = byId("prompt", HTMLInputElement);
  readonly #page = byId("page", HTMLElement);
  readonly #stop = byId("answer-stop", HTMLButtonElement);
  readonly #cut = byId("answer-cut", HTMLButtonElement);
  readonly #complain: (sentence: string) => void;
  #connection: Connection | undefined;
  /** The stream's name, by which the server cuts it. */
  #client = "";
  #id = "";
  #status: Status = "idle";
  #tokens = 0;
  #reloadedAt = 0;
  #resumedAt = 0;
  #missed = 0;
  #doubled = 0;
  #pending: (string | { mark: Mark })[] = [];

  constructor(complain: (sentence: string) => void) {
    this.#complain = complain;
    byId("ask-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const prompt = this.#prompt.value.trim();
      if (prompt !== "") this.#ask(prompt);
    });
    this.#stop.addEventListener("click", () => this.#end());
    this.#cut.addEventListener("click", () => this.#break());
    this.#suggest();
    onLanguage(() => {
      this.#suggest();
      this.#show();
    });
    addEventListener("pagehide", () => {
      if (this.#id !== "") noteRead(this.#id, this.#tokens);
    });
    onKept((answer) => this.#comeTo(answer));
    const kept = keptAnswer();
    if (kept) this.#comeTo(kept);
  }

  /** Shows the tokens that have arrived since the last frame. */
  draw(): void {
    if (this.#pending.length === 0) return;
    const page = this.#page;
    const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 60;
    for (const piece of this.#pending) {
      const last = page.lastChild;
      if (typeof piece !== "string") page.append(markOf(piece.mark));
      else if (last instanceof Text) last.appendData(piece);
      else page.append(piece);
    }
    this.#pending = [];
    if (atEnd) page.scrollTop = page.scrollHeight;
    this.#show();
  }

  #ask(prompt: string): void {
    this.#begin("writing", newName("answer"));
    const connection = connect(`/demo/answers?client=${this.#client}`, {
      method: "POST",
      // A repeated request continues the answer: by its last event ID, or, before its first event, by the key.
      reconnect: "always",
      headers: { "Content-Type": "application/json", "Idempotency-Key": this.#client },
      body: JSON.stringify({ prompt, language: language() }),
    });
    void this.#listen(connection, (id) => {
      this.#id = id;
      keep({ id, prompt });
    });
  }

  /** Listens to an answer that there is, from its beginning: this page has nothing of it. */
  #comeTo({ id, prompt }: KeptAnswer): void {
    const before = readBefore(id);
    this.#begin(before > 0 ? "reloaded" : "elsewhere", newName("answer"), before);
    this.#id = id;
    this.#prompt.value = prompt;
    // A tab in the background needs no connection: it comes back to the answer when it is looked at.
    const url = `/demo/answers/${encodeURIComponent(id)}?client=${this.#client}`;
    void this.#listen(connect(url, { transport: "fetch", whenHidden: "close" }));
  }

  #begin(status: Status, client: string, reloadedAt = 0): void {
    this.#connection?.close();
    this.#client = client;
    this.#id = "";
    this.#reloadedAt = reloadedAt;
    this.#tokens = this.#missed = this.#doubled = 0;
    this.#pending = [];
    this.#page.replaceChildren();
    this.#become(status);
  }

  async #listen(connection: Connection, named: (id: string) => void = () => undefined): Promise<void> {
    this.#connection = connection;
    const isCurrent = () => this.#connection === connection;
    connection.addEventListener("error", ({ reconnectIn }) => {
      if (!isCurrent() || reconnectIn === null || this.#isOver) return;
      this.#pending.push({ mark: "cut" });
      this.#become("waiting");
    });
    connection.addEventListener("open", () => {
      if (!isCurrent() || this.#status !== "waiting") return;
      this.#resumedAt = this.#tokens + 1;
      this.#become("resumed");
    });
    try {
      for await (const { type, data, lastEventId } of connection) {
        if (!isCurrent()) return;
        const colon = lastEventId.lastIndexOf(":");
        if (this.#id === "") named(lastEventId.slice(0, colon));
        this.#take(type, data, Number(lastEventId.slice(colon + 1)));
      }
    } catch (error) {
      if (isCurrent()) this.#fail(error);
    }
  }

  get #isOver(): boolean {
    return [...endings.values()].some((ending) => ending === this.#status);
  }

  /** The events of an answer are numbered from 1 on, in their IDs. */
  #take(type: string, data: string, number: number): void {
    const ending = endings.get(type);
    if (!ending && type !== "token") return; // a gap: the next number shows what is missing
    if (number <= this.#tokens) {
      this.#doubled += 1;
      return;
    }
    this.#missed += number - this.#tokens - 1;
    if (ending) {
      this.#become(ending);
      return;
    }
    this.#tokens = number;
    if (number === this.#reloadedAt + 1 && number > 1) this.#pending.push({ mark: "reload" });
    this.#pending.push(String(fieldsOf(data).text));
  }

  /** An answer of the past may be forgotten by now: then there is nothing to come back to. */
  #fail(error: unknown): void {
    const isForgotten = error instanceof ConnectionError && error.status === 404 && this.#tokens === 0;
    this.#become(isForgotten ? "idle" : "failed");
  }

  #break(): void {
    press("/demo/cut", { client: this.#client }).catch((error: Error) =>
      this.#complain(`${words.notCut} ${error.message}`),
    );
  }

  #end(): void {
    this.#connection?.stop().catch((error: Error) => {
      const isRefused = error instanceof ConnectionError && error.status > 0;
      this.#complain(isRefused ? words.refused(error.status) : words.noAnswer);
    });
  }

  #become(status: Status): void {
    this.#status = status;
    this.#show();
  }

  #show(): void {
    const sentences: Record<Status, string> = {
      idle: words.answerIdle,
      writing: words.answerWriting,
      reloaded: words.answerReloaded(grouped(this.#reloadedAt)),
      elsewhere: words.answerElsewhere,
      waiting: words.answerWaiting,
      resumed: words.answerResumed(grouped(this.#resumedAt)),
      complete: words.answerComplete,
      stopped: words.answerStopped,
      interrupted: words.answerInterrupted,
      failed: words.answerFailed,
    };
    setText(byId("answer-status", HTMLElement), sentences[this.#status]);
    this.#page.dataset.status = this.#status;
    setText(byId("answer-tokens", HTMLElement), grouped(this.#tokens));
    setText(byId("answer-missed", HTMLElement), grouped(this.#missed));
    setText(byId("answer-doubled", HTMLElement), grouped(this.#doubled));
    this.#stop.disabled = this.#status === "idle" || this.#isOver;
    this.#cut.disabled = this.#stop.disabled || this.#status === "waiting";
  }

  #suggest(): void {
    byId("suggestions", HTMLElement).replaceChildren(
      ...words.suggested.map((prompt) => {
        const button = make("button", "plain small", prompt);
        button.type = "button";
        button.addEventListener("click", () => {
          this.#prompt.value = prompt;
          this.#ask(prompt);
        });
        const item = make("li", "");
        item.append(button);
        return item;
      }),
    );
  }
}

function markOf(mark: Mark): HTMLElement {
  const isCut = mark === "cut";
  const element = make("span", isCut ? "cut-mark" : "cut-mark reload");
  element.append(make("span", "hidden", isCut ? words.answerCutHere : words.answerReloadedHere));
  return element;
}
