// fetch() for EventSource.

import { futile } from "./fetch.js";

/** Rejects with `futile` if the scheme or CORS forbids the request. */
export const ownFetch = async (input: string | URL | globalThis.Request, init?: RequestInit): Promise<Response> => {
  const url = input as string;
  try {
    return await fetch(url, init);
  } catch (error) {
    if (!/^https?:/.test(url)) throw futile;
    if (!globalThis.location) throw error;
    return (await import("../extras.js")).askAgain(url, init, error);
  }
};
