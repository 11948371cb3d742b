// The page's own requests, and the server's refusals as sentences.

import { words } from "./language.js";
import { parseJson } from "./parse-json.js";
import { sentenceIn } from "./refusal.js";

/** Why the server refused, in its own words if it sent any. */
export async function refusal(response: Response): Promise<string> {
  return (await sentenceIn(response)) ?? words.refused(response.status);
}

/** Calls a route of the demo's buttons. Throws an Error with a sentence if it is refused or not answered. */
export async function press(path: string, parameters: Record<string, string>): Promise<void> {
  const response = await fetch(`${path}?${new URLSearchParams(parameters)}`, { method: "POST" }).catch(() => undefined);
  if (!response) throw new Error(words.noAnswer);
  if (!response.ok) throw new Error(await refusal(response));
}

/** How many event streams share this client's connection, as far as the demo knows. */
export async function streamsBeside(client: string): Promise<number> {
  const response = await fetch(`/demo/connection?${new URLSearchParams({ client })}`);
  if (!response.ok) throw new Error(await refusal(response));
  const { streams } = parseJson(await response.text()) as { streams?: unknown };
  if (typeof streams !== "number") throw new Error(words.refused(response.status));
  return streams;
}

/** A form that publishes the text of `input`. If that fails, it keeps the text and shows why. */
export function publishFrom(
  form: HTMLFormElement,
  input: HTMLInputElement,
  reply: HTMLElement,
  eventOf: (text: string) => { topic: string; event: string; data: unknown },
): void {
  let sending = false;
  const say = (sentence: string, outcome: "accepted" | "refused") => {
    reply.dataset.outcome = outcome;
    reply.textContent = sentence;
  };
  const send = async (text: string) => {
    if (text === "") return say(words.nothingToSend, "refused");
    const response = await fetch("/events", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(eventOf(text)),
    }).catch(() => undefined);
    if (!response) return say(words.notPublished, "refused");
    if (!response.ok) return say(await refusal(response), "refused");
    const { id } = (await response.json()) as { id: string };
    input.value = "";
    say(words.published(id), "accepted");
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    await send(input.value.trim());
    sending = false;
  });
}
