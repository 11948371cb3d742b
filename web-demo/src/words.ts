// What the page says, in words.

import type { LossReason } from "millrace";
import type { Gap } from "./arrival.js";

/** `3.0 s`, from ms. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** `1,234`. */
export function grouped(count: number): string {
  return count.toLocaleString("en");
}

/** The text itself, or its beginning where it is longer than `length`. */
export function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/**
 * Why there is no connection, as a sentence. `reason` and `status` are those of the package's `error` event, `wasOpen`
 * tells a connection that was lost from one that could not be made.
 */
export function lossInWords(reason: LossReason, status: number, wasOpen: boolean): string {
  switch (reason) {
    case "end-of-stream":
      return "The server ended the stream.";
    case "timeout":
      return "Nothing was heard from the server for too long.";
    case "status":
      return status === 204
        ? "The server says that the stream is finished."
        : `The server answered with status ${status}.`;
    case "content-type":
      return "What answered is not an event stream.";
    case "too-large":
      return "The server sent an event that is too large.";
    default:
      return wasOpen ? "The connection broke." : "The server does not answer.";
  }
}

/** The sentence for a `millrace.gap`. */
export function gapInWords({ reason, lastEventId }: Gap): string {
  if (reason === "expired") {
    return `The server no longer holds what came right after ID ${lastEventId}: this page was away for too long. It goes on from the oldest event there is, and the figures above say how many ticks are missing.`;
  }
  return `The server does not know the ID ${lastEventId}, most likely because it was restarted and its log began anew. What was published in between is lost to this page; the count of missed ticks starts afresh.`;
}
