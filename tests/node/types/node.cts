// Compiled, not run: the package's types in a CommonJS program for Node.js, which has no DOM.

import millrace = require("millrace");

export async function first(): Promise<string | undefined> {
  const source = new millrace.EventSource("http://127.0.0.1/");
  source.onmessage = ({ data, lastEventId }) => [data, lastEventId];
  source.close();
  for await (const event of millrace.connect("http://127.0.0.1/", { headers: { a: "b" } })) return event.data;
  return undefined;
}
