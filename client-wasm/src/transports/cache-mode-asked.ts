// cache-mode.ts for Cloudflare's workers: those before 2024-11-11 refuse the option, and their Request lacks it.

export const cacheMode = (mode: RequestCache): RequestCache | undefined =>
  "cache" in (globalThis.Request?.prototype ?? {}) ? mode : undefined;
