// cache-mode.ts for Cloudflare's workers: those before 2024-11-11 refuse the option, and their Request lacks it.

export const cacheMode = (): RequestCache | undefined =>
  "cache" in (globalThis.Request?.prototype ?? {}) ? "no-store" : undefined;
