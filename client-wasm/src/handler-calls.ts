// Whether the platform's EventTarget calls `on…` properties by itself: none does but Cloudflare's. build.mjs puts
// handler-calls-asked.ts in place of this file where it may be that.

export const platformCalls = () => false;
