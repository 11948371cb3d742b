// Detects whether the platform's EventTarget itself calls `on…` properties, as in Cloudflare's workers.

let callsItself: boolean | undefined;

export function platformCalls(): boolean {
  if (callsItself === undefined) {
    const onopen = () => {
      callsItself = true;
    };
    callsItself = false;
    Object.assign(new EventTarget(), { onopen }).dispatchEvent(new Event("open"));
  }
  return callsItself;
}
