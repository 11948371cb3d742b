// Options that are written anew at each rendering: whether they ask for the same as before, and their functions as of now.

import type { ConnectOptions } from "millrace";

/**
 * A text that is the same where the same is asked for. Of functions and of the schema, which may be made anew each time, only
 * that they are there: the newest are called. Headers, URLSearchParams and FormData are what is in them; other objects, such
 * as a signal, are told apart by where they stand in `numbers`.
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

/** The same function, of whichever options are the newest. */
const newestOf =
  (read: Read<unknown>) =>
  (...given: unknown[]) =>
    (read() as (...given: unknown[]) => unknown)(...given);

/** The options with the newest of their functions, and of their schema, in the places of the first. */
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
