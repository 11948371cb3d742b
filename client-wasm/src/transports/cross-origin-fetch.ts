// For requests of EventSource that another origin did not answer. EventSource must fail for good if another attempt
// would be futile, but a fetch that CORS forbids rejects like one without a network. This file finds out which it was.

import { futile, utf8Text } from "./fetch.js";

/** `error` is the rejection of `fetch(url, init)`. Rejects with `futile` if CORS forbids the request. */
export async function askAgain(address: string, init: RequestInit | undefined, error: unknown): Promise<Response> {
  const url = new URL(address);
  const { signal, headers } = init as { signal: AbortSignal; headers: Headers };
  // Browsers do not report which of the two it is.
  const lost = new TypeError(`${(error as Error).message}: no connection, or the Content-Security-Policy forbids it`);
  if (signal.aborted || url.origin === location.origin) throw lost;
  // If the probe is answered, the other origin can be reached. The failure may have been short, so it tries once more,
  // without the header that the other origin may not allow.
  const probe = new AbortController();
  signal.addEventListener("abort", () => probe.abort(), { signal: probe.signal });
  await fetch(address, { mode: "no-cors", credentials: "omit", cache: "no-store", signal: probe.signal }).catch(() => {
    throw lost;
  });
  probe.abort();
  const lastEventId = headers.get("Last-Event-ID");
  if (lastEventId) {
    headers.delete("Last-Event-ID");
    url.searchParams.set("lastEventId", utf8Text(lastEventId));
  }
  return await fetch(url, init).catch(() => {
    throw futile;
  });
}
