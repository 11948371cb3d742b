// Rarely needed code, in a file that is loaded on demand. EventSource needs it for its third argument, for a name and a
// password in its URL, and for other origins; connect() for `share`, stop() and topics that change.

import { withBasic } from "./basic.js";
import { check, requestRules } from "./check-options.js";
import type { ConnectionOwner, CoreConnection } from "./connection.js";
import { methodOf, policyOf } from "./policy.js";
import { Flag } from "./shared-values.js";
import { transportOf } from "./transports/by-name.js";
import { autoTransport, isBrowsers, refuseTransport } from "./transports/choice.js";
import { NativeFirst } from "./transports/native-first.js";
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
 * The parts of a connection. `fetch` and `given` are the user's, if any; `ownFetch` may send a request more than once.
 * `types` are those with listeners so far. `platformsOwn`: the platform's class. Throws a TypeError that names an invalid
 * option.
 */
export function planFor(
  owner: ConnectionOwner,
  { fetch: ownFetch, ...standard }: Request,
  fetch: Request["fetch"],
  given: EventSourceOptions | null,
  jitter: number,
  types: Set<string>,
  platformsOwn: typeof EventSource | undefined,
): ConstructorParameters<typeof CoreConnection> {
  const options = given ?? {};
  check("EventSource", options, requestRules());
  const method = methodOf(options);
  const refused = refuseTransport({ ...options, fetch }, method);
  if (refused) throw new TypeError(`EventSource: ${refused}`);
  const basic = withBasic(standard.url, options.headers);
  // No option says otherwise: the page has another origin, to which only the browser's own class sends the last event ID
  // without its permission.
  const isForBrowser = !given && !fetch && !basic.headers && isBrowsers(platformsOwn);
  const transport = autoTransport({ ...options, fetch }, method);
  const { body, lastEventId } = options;
  // ownFetch repeats a failed request, so it must not be used for requests with effects.
  const asking = fetch ? withFetch(fetch) : { fetch: method === "GET" ? ownFetch : undefined };
  const request = { ...standard, ...basic, ...asking, method, body, platformsOwn, staysClosed: !options.retry };
  return [
    { ...owner, verdict: verdictBy(options) },
    (listener, polling) =>
      isForBrowser
        ? new NativeFirst(request, [...types], listener)
        : transportOf(polling ? "poll" : transport, request, [...types], listener),
    policyOf(options, method, jitter, options.retry ? Flag.retryOnServerError : 0),
    lastEventId,
  ];
}
