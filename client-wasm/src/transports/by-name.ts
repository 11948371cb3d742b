// The rarely used transports, by name.

import { gapType } from "../shared-values.js";
import type { TransportName } from "../types.js";
import { NativeTransport } from "./native.js";
import { fetchTransport } from "./poll.js";
import type { Request, Transport, TransportListener } from "./transport.js";
import { XhrTransport } from "./xhr.js";

/** `types` are for `native`; undefined: `message`. */
export function transportOf(
  name: TransportName,
  request: Request,
  types: readonly string[] | undefined,
  listener: TransportListener,
): Transport {
  if (name === "native") return new NativeTransport(request, types ?? ["message", gapType], listener);
  if (name === "xhr") return new XhrTransport(request, listener);
  return fetchTransport(name, request, listener);
}
