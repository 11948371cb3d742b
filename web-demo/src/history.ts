// History: events published before this page was opened, as far as the log has them. One poll reads them.

import { connect } from "millrace";
import { type Arrival, fieldsOf } from "./arrival.js";

const patience = 5000; // ms

/** The events of these topics: all, or the newest of each. */
export async function* readHistory(from: "earliest" | "latest", topics: string[]): AsyncGenerator<Arrival> {
  const connection = connect("/events?mode=poll", {
    topics,
    lastEventId: from,
    transport: "fetch",
    idleTimeout: patience,
  });
  // The response ends after the last event. A failure ends it too, and the page's own stream reports that.
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
