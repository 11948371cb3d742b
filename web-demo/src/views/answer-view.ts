// AnswerView: a prompt, and the answer token by token, by POST. Stop ends the generation; a cut ends only the connection.

import { connect } from "millrace";
import { fieldsOf } from "../arrival.js";
import { byId, make, setText } from "../dom.js";
import { grouped, language, onLanguage, words } from "../language.js";
import { press, refusal } from "../post.js";

type Status = "idle" | "writing" | "waiting" | "resumed" | "complete" | "stopped" | "failed";

export class AnswerView {
  readonly #prompt = byId("prompt", HTMLInputElement);
  readonly #page = byId("page", HTMLElement);
  readonly #stop = byId("answer-stop", HTMLButtonElement);
  readonly #cut = byId("answer-cut", HTMLButtonElement);
  readonly #complain: (sentence: string) => void;
  #id = "";
  #status: Status = "idle";
  #tokens = 0;
  #resumedAt = 0;
  #missed = 0;
  #doubled = 0;
  #pending = "";
  #cutPending = false;
  #abort = new AbortController();

  constructor(complain: (sentence: string) => void) {
    this.#complain = complain;
    byId("ask-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const prompt = this.#prompt.value.trim();
      if (prompt !== "") void this.#ask(prompt);
    });
    this.#stop.addEventListener("click", () => void this.#end());
    this.#cut.addEventListener("click", () => this.#break());
    this.#suggest();
    onLanguage(() => {
      this.#suggest();
      this.#show();
    });
  }

  /** Shows the tokens that have arrived since the last frame. */
  draw(): void {
    if (this.#pending === "") return;
    if (this.#cutPending) {
      this.#cutPending = false;
      const mark = make("span", "cut-mark");
      mark.append(make("span", "hidden", words.answerCutHere));
      this.#page.append(mark);
    }
    const page = this.#page;
    const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 60;
    const last = page.lastChild;
    if (last instanceof Text) last.appendData(this.#pending);
    else page.append(this.#pending);
    this.#pending = "";
    if (atEnd) page.scrollTop = page.scrollHeight;
    this.#show();
  }

  async #ask(prompt: string): Promise<void> {
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#id = `answer-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    this.#tokens = this.#missed = this.#doubled = 0;
    this.#pending = "";
    this.#cutPending = false;
    this.#page.replaceChildren();
    this.#become("writing");
    const connection = connect("/demo/answers", {
      method: "POST",
      // The server knows the answer by its ID, so a repeated request continues it.
      reconnect: "always",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id: this.#id, prompt, language: language() }),
      signal: abort.signal,
    });
    connection.addEventListener("error", ({ reconnectIn }) => {
      if (reconnectIn === null || this.#isOver) return;
      this.#cutPending = true;
      this.#become("waiting");
    });
    connection.addEventListener("open", () => {
      if (this.#status !== "waiting") return;
      this.#resumedAt = this.#tokens + 1;
      this.#become("resumed");
    });
    try {
      for await (const { type, data } of connection) {
        if (type === "token") this.#token(fieldsOf(data));
        else if (type === "done") this.#done(fieldsOf(data));
      }
    } catch {
      if (!abort.signal.aborted) this.#become("failed");
    }
  }

  get #isOver(): boolean {
    return this.#status === "complete" || this.#status === "stopped" || this.#status === "failed";
  }

  #token({ n, text }: Record<string, unknown>): void {
    const number = Number(n);
    if (number <= this.#tokens) {
      this.#doubled += 1;
      return;
    }
    this.#missed += number - this.#tokens - 1;
    this.#tokens = number;
    this.#pending += String(text);
  }

  #done({ n, reason }: Record<string, unknown>): void {
    this.#missed += Number(n) - this.#tokens;
    this.#become(reason === "complete" ? "complete" : "stopped");
  }

  #break(): void {
    press("/demo/cut", { client: this.#id }).catch((error: Error) =>
      this.#complain(`${words.notCut} ${error.message}`),
    );
  }

  async #end(): Promise<void> {
    const response = await fetch(`/demo/answers/${this.#id}`, { method: "DELETE" }).catch(() => undefined);
    if (!response) this.#complain(words.noAnswer);
    else if (!response.ok && !this.#isOver) this.#complain(await refusal(response));
  }

  #become(status: Status): void {
    this.#status = status;
    this.#show();
  }

  #show(): void {
    const sentences: Record<Status, string> = {
      idle: words.answerIdle,
      writing: words.answerWriting,
      waiting: words.answerWaiting,
      resumed: words.answerResumed(grouped(this.#resumedAt)),
      complete: words.answerComplete,
      stopped: words.answerStopped,
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
          void this.#ask(prompt);
        });
        const item = make("li", "");
        item.append(button);
        return item;
      }),
    );
  }
}
