// An EventSource's transport. build.mjs replaces this file by of-event-source-js.ts for `millrace/js`.

import { FetchTransport } from "./fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";

export const transportOfEventSource = (request: Request, listener: TransportListener): Transport =>
  new FetchTransport(request, listener);
