// The only place that parses JSON: anyone may publish here, so its size is bounded first.

const maxCharacters = 65536;

export function parseJson(text: string): unknown {
  if (text.length > maxCharacters) throw new SyntaxError(`JSON of more than ${maxCharacters} characters`);
  return JSON.parse(text);
}
