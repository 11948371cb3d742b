// Options that a program writes again at each rendering: detects whether the request has changed, and calls their
// newest functions.

import type { ConnectOptions } from "millrace";

/**
 * A text that is equal for equal requests. For functions and the schema, which may be new objects each time, only their
 * presence counts: the newest are called. Headers, URLSearchParams and FormData count by content; other objects, such
 * as a signal, by their index in `numbers`.
 */
export function keyOf(asked: unknown, numbers: object[]): string {
  return JSON.stringify(asked, (name, value) => {
    if (typeof value === "function" || name === "schema") return Boolean(value);
    if (Object(value) !== value || value.constructor === Object || Array.isArray(value)) return value;
    if (Symbol.iterator in value) return [...value];
    return numbers.includes(value) ? numbers.indexOf(value) : numbers.push(value) - 1;
  });
}

type Read<Value> = () => Value | undefined;

/** A function that calls the one of the newest options. */
const newestOf =
  (read: Read<unknown>) =>
  (...given: unknown[]) =>
    (read() as (...given: unknown[]) => unknown)(...given);

/** The options, with functions and a schema that use the newest ones. */
export function newestOptions(read: Read<ConnectOptions>): ConnectOptions {
  const options: Record<string, unknown> = { ...read() };
  for (const name in options) {
    if (typeof options[name] === "function") options[name] = newestOf(() => (read() as typeof options)[name]);
  }
  const { schema, retry } = options as ConnectOptions;
  if (schema) options.schema = { "~standard": { validate: newestOf(() => read()?.schema?.["~standard"].validate) } };
  if (retry?.on) options.retry = { ...retry, on: newestOf(() => read()?.retry?.on) };
  return options;
}
