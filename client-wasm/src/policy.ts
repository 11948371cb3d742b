// The core's policy, from the options common to connect() and EventSource.

import type { Policy } from "./core.js";
import { defaultBase, defaultEventBytes, defaultMax, Flag } from "./shared-values.js";
import type { RequestOptions } from "./types.js";

/** Idempotent methods, as in the core's method.h. [RFC 9110 9.2.2] */
const idempotent = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$/;

export interface PolicyOptions extends RequestOptions {
  maxEventBytes?: number;
}

/** The policy in abi.cpp's order. `jitter` and `flag` are defaults for missing options. */
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

/** The method in capitals; by default `GET`, or `POST` with a body. */
export function methodOf({ method, body }: RequestOptions): string {
  return method?.toUpperCase() ?? (body == null ? "GET" : "POST");
}
