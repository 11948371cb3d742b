// An EventSource's transport on platforms that may be React Native: XMLHttpRequest if `fetch` has no streams, unless
// the program passes its own `fetch`. Other schemes fail at once in `fetch`, as elsewhere.

import { FetchTransport } from "./fetch.js";
import { ownFetch } from "./own-fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";
import { XhrTransport } from "./xhr.js";

export function transportOfEventSource(request: Request, listener: TransportListener): Transport {
  const hasStreams = request.fetch !== ownFetch || "body" in Response.prototype;
  return !hasStreams && /^https?:/.test(request.url) && globalThis.XMLHttpRequest
    ? new XhrTransport(request, listener)
    : new FetchTransport(request, listener);
}
