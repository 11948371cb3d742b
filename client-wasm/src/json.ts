// parseJson(): the one way in which JSON from outside is read. Its depth is bounded before anything is made of it: who walks
// what is nested by the million runs out of stack. The size of events is bounded by `maxEventBytes`.

/** Deepest nesting; more is an error like that of a text that is not JSON. */
const maxDepth = 512;

/** Of what a server says for the client itself, such as a gap. */
export const maxSaidCharacters = 65536;

export function parseJson(text: string, maxCharacters = Number.POSITIVE_INFINITY): unknown {
  if (text.length > maxCharacters) throw new SyntaxError(`JSON of more than ${maxCharacters} characters`);
  if (text.length > maxDepth && isTooDeep(text)) throw new SyntaxError(`JSON nested more than ${maxDepth} levels deep`);
  return JSON.parse(text);
}

/** Counts what is open at once, outside of strings. */
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
