// Rarely needed code, in a file that is loaded on demand. EventSource needs it for its third argument, for a name and a
// password in its URL, and if another origin does not answer; connect() for `share`, stop() and topics that change.

import { withBasic } from "./basic.js";
import { check, requestRules } from "./check-options.js";
import type { ConnectionOwner, CoreConnection } from "./connection.js";
import { methodOf, policyOf } from "./policy.js";
import { Flag } from "./shared-values.js";
import { transportOf } from "./transports/by-name.js";
import { autoTransport, refuseTransport } from "./transports/choice.js";
import type { Request } from "./transports/transport.js";
import type { EventSourceOptions } from "./types.js";
import { withFetch } from "./users-fetch.js";
import { verdictBy } from "./verdict.js";

export { SharedConnection } from "./share.js";
export { stopAnswer } from "./stop.js";
export { changeTopics } from "./topics.js";
export { transportOf } from "./transports/by-name.js";
export { askAgain } from "./transports/cross-origin-fetch.js";

/**
 * The parts of a connection. `fetch` is the user's, if any; `ownFetch` may send a request more than once. `types` are
 * those with listeners so far. Throws a TypeError that names an invalid option.
 */
export function planFor(
  owner: ConnectionOwner,
  { fetch: ownFetch, ...given }: Request,
  fetch: Request["fetch"],
  options: EventSourceOptions,
  jitter: number,
  types: Set<string>,
): ConstructorParameters<typeof CoreConnection> {
  check("EventSource", options, requestRules());
  const method = methodOf(options);
  const refused = refuseTransport({ ...options, fetch }, method);
  if (refused) throw new TypeError(`EventSource: ${refused}`);
  const transport = autoTransport({ ...options, fetch }, method);
  const { body, lastEventId } = options;
  // ownFetch repeats a failed request, so it must not be used for requests with effects.
  const asking = fetch ? withFetch(fetch) : { fetch: method === "GET" ? ownFetch : undefined };
  const request = { ...given, ...withBasic(given.url, options.headers), ...asking, method, body };
  return [
    { ...owner, verdict: verdictBy(options) },
    (listener, polling) => transportOf(polling ? "poll" : transport, request, [...types], listener),
    policyOf(options, method, jitter, options.retry ? Flag.retryOnServerError : 0),
    lastEventId,
  ];
}
