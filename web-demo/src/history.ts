// History: what was published before this page was opened, as far as the log holds it, read by one poll.

import { connect } from "millrace";
import { type Arrival, fieldsOf } from "./arrival.js";

const patience = 5000; // ms

/** What these topics have: all, or the newest event of each. */
export async function* readHistory(from: "earliest" | "latest", topics: string[]): AsyncGenerator<Arrival> {
  const connection = connect("/events?mode=poll", {
    topics,
    lastEventId: from,
    transport: "fetch",
    idleTimeout: patience,
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
