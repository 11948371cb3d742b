// A transport that is loaded when it first connects.

import type { Transport, TransportListener } from "./transport.js";

export function lazyTransport(
  name: Transport["name"],
  load: () => Promise<Transport>,
  listener: TransportListener,
): Transport {
  let transport: Transport | undefined;
  let attempt = 0;
  return {
    name,
    async connect(lastEventId) {
      attempt += 1;
      const own = attempt;
      // What cannot be loaded is an attempt that has failed.
      transport ??= (await load().catch((error) => listener.failed(false, error))) ?? undefined;
      if (own === attempt) await transport?.connect(lastEventId);
    },
    drop() {
      attempt += 1;
      transport?.drop();
    },
  };
}
