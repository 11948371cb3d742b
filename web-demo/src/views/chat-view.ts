// ChatView: rooms, the people in them, and their messages.

import type { Arrival } from "../arrival.js";
import { byId, make, setText } from "../dom.js";
import { onLanguage, words } from "../language.js";
import { press, publishFrom } from "../post.js";
import { clock, inLanguage } from "./news-view.js";

const keptPerRoom = 60;
const shownGuests = 24;
const nameKey = "millrace-name";

interface Message {
  readonly name: string;
  readonly fields: Arrival["fields"];
}

export class ChatView {
  readonly #client: () => string;
  readonly #kick = byId("kick", HTMLButtonElement);
  readonly #name = byId("chat-name", HTMLInputElement);
  readonly #list = byId("messages", HTMLOListElement);
  readonly #rooms = new Map<string, Message[]>([
    ["lobby", []],
    ["workshop", []],
  ]);
  readonly #ids = new Set<string>();
  #room = "lobby";
  #roster: string[] = [];
  #isOut = false;

  /**
   * `client` returns the name of this page's stream, which gets the person's name. `kick` makes the server end that
   * stream for good, and `comeBack` requests another.
   */
  constructor(client: () => string, kick: () => void, comeBack: () => void) {
    this.#client = client;
    this.#kick.addEventListener("click", () => (this.#isOut ? comeBack() : kick()));
    this.#name.value = storedName() ?? guestName();
    this.#name.addEventListener("change", () => this.introduce());
    for (const input of document.querySelectorAll<HTMLInputElement>("input[name=room]")) {
      input.addEventListener("change", () => {
        this.#room = input.value;
        this.#show();
      });
    }
    const text = byId("chat-text", HTMLInputElement);
    publishFrom(byId("chat-form", HTMLFormElement), text, byId("chat-reply", HTMLElement), (said) => ({
      topic: `demo/chat/${this.#room}`,
      event: "chat",
      data: { time: Date.now(), room: this.#room, name: this.#name.value.trim(), text: said },
    }));
    onLanguage(() => {
      this.#show();
      this.isOut(this.#isOut);
    });
  }

  /** Whether the server has ended this page's stream for good. */
  isOut(isOut: boolean): void {
    this.#isOut = isOut;
    setText(this.#kick, isOut ? words.comeBack : words.kick);
  }

  /** Announces the name of this page's user to the others. */
  introduce(): void {
    const name = this.#name.value.trim();
    if (name === "") return;
    this.#showRoster();
    try {
      sessionStorage.setItem(nameKey, name);
    } catch {
      // Then the choice lasts until the page is closed.
    }
    // A visitor without a name can still write.
    press("/demo/name", { client: this.#client(), name }).catch(() => undefined);
  }

  add({ id, fields }: Arrival): void {
    if (this.#ids.has(id)) return; // from the history, or repeated after a return to an old ID
    this.#ids.add(id);
    const name = typeof fields.name === "string" && fields.name !== "" ? fields.name.slice(0, 40) : "?";
    const room = fields.room === "workshop" ? "workshop" : "lobby";
    const messages = this.#rooms.get(room);
    messages?.push({ name, fields });
    if (messages && messages.length > keptPerRoom) messages.shift();
    if (this.#ids.size > 10 * keptPerRoom) this.#ids.clear();
    if (room === this.#room) this.#append({ name, fields });
  }

  present({ fields }: Arrival): void {
    this.#roster = Array.isArray(fields.here) ? fields.here.filter((name) => typeof name === "string") : [];
    this.#showRoster();
  }

  #showRoster(): void {
    setText(byId("here-count", HTMLElement), String(this.#roster.length));
    const own = this.#name.value.trim();
    byId("here", HTMLUListElement).replaceChildren(
      ...this.#roster.slice(0, shownGuests).map((name) => {
        const item = make("li", name === own ? "guest own" : "guest");
        item.append(face(name), make("span", "", name.slice(0, 40)));
        return item;
      }),
    );
  }

  #show(): void {
    this.#list.replaceChildren();
    for (const message of this.#rooms.get(this.#room) ?? []) this.#append(message);
  }

  #append({ name, fields }: Message): void {
    const list = this.#list;
    const place = byId("messages-scroll", HTMLElement);
    const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 60;
    const item = make("li", name === this.#name.value.trim() ? "said own" : "said");
    const head = make("p", "said-head");
    head.append(make("strong", "", name), make("time", "", clock(fields.time)));
    item.append(face(name), head, make("p", "said-text", inLanguage(fields)));
    list.append(item);
    while (list.childElementCount > keptPerRoom) list.firstElementChild?.remove();
    if (atEnd) place.scrollTop = place.scrollHeight;
  }
}

/** A circle with the name's first letter, in the name's colour. */
function face(name: string): HTMLElement {
  const element = make("span", "face", [...name][0]?.toUpperCase() ?? "?");
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997;
  element.dataset.hue = String(sum % 6);
  element.ariaHidden = "true";
  return element;
}

function storedName(): string | null {
  try {
    return sessionStorage.getItem(nameKey);
  } catch {
    return null;
  }
}

function guestName(): string {
  const { guests } = words;
  return `${guests[Math.floor(Math.random() * guests.length)]} ${Math.floor(Math.random() * 90 + 10)}`;
}
