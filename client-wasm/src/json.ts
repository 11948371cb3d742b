// parseJson(): parses all JSON from outside. It bounds the nesting first, because code that walks a million levels runs
// out of stack. `maxEventBytes` bounds the size of events.

/** Deepest nesting; deeper text is an error like invalid JSON. */
const maxDepth = 512;

/** Longest message of a server for the client itself, such as a gap. */
export const maxSaidCharacters = 65536;

export function parseJson(text: string, maxCharacters = Number.POSITIVE_INFINITY): unknown {
  if (text.length > maxCharacters) throw new SyntaxError(`JSON of more than ${maxCharacters} characters`);
  if (text.length > maxDepth && isTooDeep(text)) throw new SyntaxError(`JSON nested more than ${maxDepth} levels deep`);
  return JSON.parse(text);
}

/** Counts open brackets outside of strings. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') isInString = !isInString;
    else if (isInString) at += character === "\\" ? 1 : 0;
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}
