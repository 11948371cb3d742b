// Checks options by rules. An invalid option is a TypeError that names it and says what is valid.

export type Rule = [what: string, holds: (value: unknown) => boolean];

const isString = (value: unknown) => typeof value === "string";

export const isFunction = (value: unknown) => typeof value === "function";

/** A value of one of JavaScript's types: `"a string"`, `"an object or a function"`. Rejects null. */
export const of = (what: string): Rule => [what, (value) => value !== null && what.includes(typeof value)];

export const oneOf = (...values: string[]): Rule => [
  `"${values.join('", "').replace(/, (?=[^,]*$)/, " or ")}"`,
  (value) => values.includes(value as string),
];

export const number = (what: string, least: number, most = 0x7fffffff): Rule => [
  what,
  (value) => typeof value === "number" && value >= least && value <= most,
];

const milliseconds = () => number("milliseconds, 0 to 2147483647", 0);

/** Made on demand, because code that runs while a module loads stays in every bundle. */
export const requestRules = () => ({
  method: of("a string"),
  headers: of("headers (an object) or a function that returns them"),
  body: [
    "a body that can be sent again, so not a stream",
    (value: unknown) => !(value as ReadableStream)?.getReader,
  ] as Rule,
  lastEventId: [
    "a string without line ends or NUL",
    (value: unknown) => isString(value) && !/[\0\r\n]/.test(value as string),
  ] as Rule,
  transport: oneOf("auto", "native", "fetch", "xhr", "poll"),
  reconnect: oneOf("never", "idempotent", "always"),
  retry: of("an object"),
  onUnauthorized: of("a function"),
  idleTimeout: milliseconds(),
  firstByteTimeout: milliseconds(),
});

const retryRules = (): Record<string, Rule> => ({
  base: milliseconds(),
  max: milliseconds(),
  jitter: number("a number from 0 to 1", 0, 1),
  attempts: number("1 or more", 1),
  on: of("a function"),
});

/** `who`: the name of the function that takes the options. */
export function check(who: string, options: object, rules: Record<string, Rule>, prefix = ""): void {
  for (const [name, value] of Object.entries(options)) {
    const rule = rules[name];
    if (!rule)
      throw new TypeError(`${who}: unknown option "${prefix}${name}"; expected ${Object.keys(rules).join(", ")}`);
    const [what, holds] = rule;
    if (value !== undefined && !holds(value)) {
      throw new TypeError(`${who}: "${prefix}${name}" must be ${what}, not ${isString(value) ? `"${value}"` : value}`);
    }
    if (name === "retry" && value) check(who, value, retryRules(), "retry.");
  }
}
