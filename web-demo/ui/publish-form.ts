// PublishForm: one event, as POST /events takes it.

import { byId } from "../src/dom.js";
import type { Admin, Publication } from "./admin.js";

export class PublishForm {
  readonly #admin: Admin;
  readonly #reply = byId("reply", HTMLElement);
  #isSending = false;

  constructor(admin: Admin) {
    this.#admin = admin;
    byId("publish", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      const id = await this.#admin.publish(this.#publication());
      this.#say(id === "" ? "The topic is finished." : `Published as ${id}.`, "accepted");
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error), "refused");
    }
    this.#isSending = false;
  }

  #publication(): Publication {
    const text = (id: string) => byId(id, HTMLInputElement).value;
    const isOn = (id: string) => byId(id, HTMLInputElement).checked;
    const data = byId("data", HTMLTextAreaElement).value;
    const finish = isOn("finish");
    return {
      topic: text("topic"),
      ...(text("type") === "" ? {} : { event: text("type") }),
      ...(text("id") === "" ? {} : { id: text("id") }),
      // A topic can be finished without an event.
      ...(data === "" && finish ? {} : { data }),
      ...(isOn("retain") ? { retain: true } : {}),
      ...(finish ? { finish } : {}),
    };
  }

  #say(sentence: string, outcome: "accepted" | "refused"): void {
    this.#reply.dataset.outcome = outcome;
    this.#reply.textContent = sentence;
  }
}
