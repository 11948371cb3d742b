// The events that EventSource dispatches, which are also what comes of the core. build.mjs puts message-node.ts in place of
// this file for Node.js.

import type { CoreEvent } from "./core.js";

export const messageOf = (type: string, data: string, lastEventId: string, origin: string) =>
  new MessageEvent(type, { data, lastEventId, origin }) as unknown as CoreEvent;
