// KeptAnswer: the answer that the tabs of this browser show. A reload, and every other tab, comes back to it.

import { parseJson } from "./parse-json.js";

/** An answer of the server's, and the question. */
export interface KeptAnswer {
  readonly id: string;
  readonly prompt: string;
}

const key = "millrace-answer";
const readKey = "millrace-answer-read";

/** The newest answer that a tab has asked for; undefined: none, or it is forgotten. */
export function keptAnswer(): KeptAnswer | undefined {
  const { id, prompt } = fieldsIn(() => localStorage, key);
  return typeof id === "string" && typeof prompt === "string" ? { id, prompt } : undefined;
}

export function keep(answer: KeptAnswer): void {
  write(() => localStorage, key, answer);
}

/** Tells of an answer that another tab has asked for. */
export function onKept(listener: (answer: KeptAnswer) => void): void {
  addEventListener("storage", (event) => {
    const answer = event.key === key ? keptAnswer() : undefined;
    if (answer) listener(answer);
  });
}

/** How many of the answer's tokens this tab had read before it was reloaded; 0: it was not. */
export function readBefore(id: string): number {
  const read = fieldsIn(() => sessionStorage, readKey);
  return read.id === id && typeof read.tokens === "number" ? read.tokens : 0;
}

export function noteRead(id: string, tokens: number): void {
  write(() => sessionStorage, readKey, { id, tokens });
}

function fieldsIn(storage: () => Storage, name: string): Record<string, unknown> {
  try {
    return Object(parseJson(storage().getItem(name) ?? "{}"));
  } catch {
    return {}; // a browser that keeps nothing
  }
}

function write(storage: () => Storage, name: string, value: object): void {
  try {
    storage().setItem(name, JSON.stringify(value));
  } catch {
    // Then it holds until the page is left.
  }
}
