// Whether the platform's EventTarget itself calls `on…` properties: only Cloudflare's does. build.mjs replaces this
// file by handler-calls-asked.ts in builds that may run there.

export function platformCalls(): boolean | undefined {
  return;
}
