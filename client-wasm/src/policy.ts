// The core's policy, from the options that connect() and EventSource have in common.

import { defaultBase, defaultEventBytes, defaultMax, Flag } from "./abi.js";
import type { Policy } from "./core.js";
import type { RequestOptions } from "./types.js";

/** Several requests of these methods have the effect of one. [RFC 9110 9.2.2] The core's method.h has the same. */
const idempotent = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$/;

export interface PolicyOptions extends RequestOptions {
  maxEventBytes?: number;
}

/** In the order that abi.cpp wants. `jitter` and `flag` are for what the options do not say. */
export function policyOf(options: PolicyOptions, method: string, jitter: number, flag: number): Policy {
  const { idleTimeout = -1, firstByteTimeout = 0, maxEventBytes = defaultEventBytes, reconnect, transport } = options;
  const { base = defaultBase, max = defaultMax, jitter: share = jitter, attempts = 0 } = options.retry ?? {};
  const flags =
    flag +
    (idempotent.test(method) ? 0 : Flag.notIdempotent) +
    (reconnect === "never" ? 0 : reconnect === "always" ? Flag.always : Flag.idempotent) +
    (transport === "poll" ? Flag.polling : 0);
  return [share * 100, base, max, attempts, idleTimeout, firstByteTimeout, maxEventBytes, flags];
}

/** The method in capitals: `GET`, or `POST` where there is a body. */
export function methodOf({ method, body }: RequestOptions): string {
  return method?.toUpperCase() ?? (body == null ? "GET" : "POST");
}
