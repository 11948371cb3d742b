// What carries an EventSource's stream where the platform may be React Native: XMLHttpRequest where `fetch` has no
// streams, unless the program brings a `fetch` of its own. Other schemes fail at once by `fetch`, as elsewhere.

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
