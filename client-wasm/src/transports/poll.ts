// Streams and polls, both over fetch.

import { FetchTransport } from "./fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";

/** `name` is `fetch` or `poll`. */
export function fetchTransport(name: Transport["name"], request: Request, listener: TransportListener): Transport {
  if (name === "fetch") return new FetchTransport(request, listener);
  const polled: Request = {
    ...request,
    // The request's own may change.
    get url() {
      const url = new URL(request.url);
      url.searchParams.set("mode", "poll");
      return url.href;
    },
  };
  return new FetchTransport(polled, listener, name);
}
