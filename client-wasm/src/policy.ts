// The core's policy, from the options that connect() and EventSource have in common.

import { Flag } from "./abi.js";
import type { Policy } from "./core.js";
import type { RequestOptions } from "./types.js";

/** Several requests of these methods have the effect of one. [RFC 9110 9.2.2] The core's method.h has the same. */
const idempotent = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$/;

export interface PolicyOptions extends RequestOptions {
  maxEventBytes?: number;
}

/** In the order that abi.cpp wants. `jitter` and `flag` are for what the options do not say. */
export function policyOf(options: PolicyOptions, method: string, jitter: number, flag: number): Policy {
  const { idleTimeout = -1, firstByteTimeout = 0, maxEventBytes = 0, reconnect, transport } = options;
  const { base, max = 0, jitter: share = jitter, attempts = 0 } = options.retry ?? {};
  const flags =
    flag +
    (idempotent.test(method) ? 0 : Flag.notIdempotent) +
    (reconnect === "never" ? Flag.never : reconnect === "always" ? Flag.always : 0) +
    (transport === "poll" ? Flag.polling : 0);
  // A base of 0 would be the core's default.
  const least = base === undefined ? 0 : Math.max(base, 1);
  return [share * 100, least, max, attempts, idleTimeout, firstByteTimeout, maxEventBytes, flags];
}

/** The method in capitals: `GET`, or `POST` where there is a body. */
export function methodOf({ method, body }: RequestOptions): string {
  return method?.toUpperCase() ?? (body == null ? "GET" : "POST");
}
