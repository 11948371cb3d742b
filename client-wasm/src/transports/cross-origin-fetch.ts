// What EventSource does where another origin did not answer: it is to fail for good where another attempt would be futile, but
// a fetch that CORS forbids rejects like one whose network is gone. So that has to be found out.

import { futile, utf8Text } from "./fetch.js";

/** `error` is what `fetch(url, init)` rejected with. Rejects with `futile` where CORS forbids the request. */
export async function askAgain(address: string, init: RequestInit | undefined, error: unknown): Promise<Response> {
  const url = new URL(address);
  const { signal, headers } = init as { signal: AbortSignal; headers: Headers };
  // Browsers do not say which of the two it is.
  const lost = new TypeError(`${(error as Error).message}: no connection, or the Content-Security-Policy forbids it`);
  if (signal.aborted || url.origin === location.origin) throw lost;
  // Whoever answers this is there. Only now is it known, so it may have been just a moment: once more, and without the
  // header that the other origin may not allow.
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
