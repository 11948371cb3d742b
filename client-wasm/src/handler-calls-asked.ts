// Whether the platform's EventTarget calls `on…` properties by itself, as that of Cloudflare's workers does.

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
