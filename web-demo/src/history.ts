// History: what was said and measured before this page was opened, as far as the log holds it: one poll with the ID
// `earliest`.

import { connect } from "millrace";
import { type Arrival, fieldsOf } from "./arrival.js";

export async function* readHistory(): AsyncGenerator<Arrival> {
  const connection = connect("/events?mode=poll", {
    topics: ["demo/news", "demo/chat/*", "demo/gauges"],
    lastEventId: "earliest",
    transport: "fetch",
  });
  // The response ends when all has been said; that, or a failure, which the page's own stream tells of, is enough.
  connection.addEventListener("error", () => connection.close());
  try {
    for await (const { type, data, lastEventId } of connection) {
      const fields = fieldsOf(data);
      yield { id: lastEventId, type, text: data, fields, publishedAt: performance.now(), late: true };
    }
  } catch {
    // See above.
  }
}
