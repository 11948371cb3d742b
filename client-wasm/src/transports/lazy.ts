// A transport whose code is loaded at its first connection.

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
      // If loading fails, the attempt has failed.
      transport ??= (await load().catch((error) => listener.failed(false, error))) ?? undefined;
      if (own === attempt) await transport?.connect(lastEventId);
    },
    drop() {
      attempt += 1;
      transport?.drop();
    },
  };
}
