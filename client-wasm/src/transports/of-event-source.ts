// What carries an EventSource's stream. build.mjs puts of-event-source-js.ts in place of this file for `millrace/js`.

import { FetchTransport } from "./fetch.js";
import type { Request, Transport, TransportListener } from "./transport.js";

export const transportOfEventSource = (request: Request, listener: TransportListener): Transport =>
  new FetchTransport(request, listener);
