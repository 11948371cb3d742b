// A refusal of the server's in its own words.

import { parseJson } from "./parse-json.js";

/** The sentence of `{"error":"…"}`; undefined if something else has answered, perhaps a proxy. */
export async function sentenceIn(response: Response): Promise<string | undefined> {
  try {
    const { error } = parseJson(await response.text()) as { error?: unknown };
    return typeof error === "string" && error !== "" ? error : undefined;
  } catch {
    return undefined;
  }
}
