// The only place that parses JSON: anyone may publish here, so its size is bounded first.

export function parseJson(text: string, maxCharacters = 65536): unknown {
  if (text.length > maxCharacters) throw new SyntaxError(`JSON of more than ${maxCharacters} characters`);
  return JSON.parse(text);
}
