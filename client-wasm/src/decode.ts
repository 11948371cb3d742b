// Decodes an event's data for connect().

import type { AnyOptions } from "./connect-options.js";
import { parseJson } from "./json.js";
import type { SchemaPath, ServerEvent } from "./types.js";

/** Returns the event with its data decoded; throws or rejects with an error that names the event. */
export type Decoder = (event: ServerEvent) => ServerEvent<unknown> | Promise<ServerEvent<unknown>>;

const decodings = {
  json: (data: string): unknown => parseJson(data),
  base64: (data: string): unknown => Uint8Array.from(atob(data), (character) => character.charCodeAt(0)),
};

/** `url` is for error messages. */
export function decoderOf({ decode = "text", schema }: AnyOptions, url: string): Decoder {
  const wrong = ({ type, lastEventId }: ServerEvent, what: string) =>
    `${url}: the data of an event (type "${type}", ID "${lastEventId}") is not ${what}`;
  const decoded = (event: ServerEvent) => {
    if (decode === "text") return event;
    try {
      return { ...event, data: decodings[decode](event.data) };
    } catch (cause) {
      throw new SyntaxError(wrong(event, decode === "json" ? "JSON" : "Base64"), { cause });
    }
  };
  if (!schema) return decoded;
  return async (event) => {
    const { data } = decoded(event);
    const result = await schema["~standard"].validate(data);
    if (!result.issues) return { ...event, data: result.value };
    const issues = result.issues
      .map(({ message, path = [] }) => [nameOf(path), message].filter(Boolean).join(": "))
      .join("; ");
    throw new TypeError(wrong(event, `what the schema wants: ${issues}`), { cause: result.issues });
  };
}

/** A field's name, written from the data on: `items.0.price`. */
function nameOf(path: SchemaPath): string {
  return path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}
