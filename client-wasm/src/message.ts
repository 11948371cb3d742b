// The events that EventSource dispatches, made directly from the core's data. build.mjs replaces this file by
// message-node.ts for Node.js.

import type { CoreEvent } from "./core.js";

export const messageOf = (type: string, data: string, lastEventId: string, origin: string) =>
  new MessageEvent(type, { data, lastEventId, origin }) as unknown as CoreEvent;
