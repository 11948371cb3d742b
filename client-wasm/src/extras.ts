// What EventSource needs for its third argument: a file of its own, which is loaded where there is one.

import { Flag } from "./abi.js";
import { check, requestRules } from "./check-options.js";
import type { ConnectionOwner, CoreConnection } from "./connection.js";
import { methodOf, policyOf } from "./policy.js";
import { transportOf } from "./transports/by-name.js";
import { autoTransport, refuseTransport } from "./transports/choice.js";
import type { Request } from "./transports/transport.js";
import type { EventSourceOptions } from "./types.js";
import { verdictBy } from "./verdict.js";

/**
 * What the connection is made of. `fetch` is the user's, if any; `ownFetch` may ask more than once. `types` are those listened
 * for by now. Throws a TypeError that names the option if one is wrong.
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
  const { headers, body, lastEventId } = options;
  const request = { ...given, method, headers, body, fetch: fetch ?? (method === "GET" ? ownFetch : undefined) };
  return [
    { ...owner, verdict: verdictBy(options) },
    (listener, polling) => transportOf(polling ? "poll" : transport, request, [...types], listener),
    policyOf(options, method, jitter, options.retry ? Flag.retryOnServerError : 0),
    lastEventId,
  ];
}
