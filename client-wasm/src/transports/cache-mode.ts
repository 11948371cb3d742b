// The mode of a request for events. build.mjs replaces this file by cache-mode-asked.ts where it may be Cloudflare's.

export function cacheMode(mode: RequestCache): RequestCache | undefined {
  return mode;
}
