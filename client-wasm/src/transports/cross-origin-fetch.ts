// fetch() for EventSource, which is to fail for good where another attempt would be futile. A fetch that CORS forbids
// rejects like one whose network is gone, so that has to be found out.

import { futile, utf8Text } from "./fetch.js";

/** Rejects with `futile` where the scheme or CORS forbids the request. */
export async function crossOriginFetch(
  input: string | URL | globalThis.Request,
  init?: RequestInit,
): Promise<Response> {
  const url = new URL(input as string);
  try {
    return await fetch(url, init);
  } catch (error) {
    if (!/^https?:$/.test(url.protocol)) throw futile;
    const { signal, headers } = init as { signal: AbortSignal; headers: Headers };
    const isElsewhere = globalThis.location && url.origin !== location.origin;
    if (!isElsewhere || signal.aborted) throw error;
    // Whoever answers this is there. Only now is it known, so it may have been just a moment: once more, and without the
    // header that the other origin may not allow.
    const probe = new AbortController();
    signal.addEventListener("abort", () => probe.abort(), { signal: probe.signal });
    await fetch(url, { mode: "no-cors", credentials: "omit", cache: "no-store", signal: probe.signal });
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
}
