// Where `millrace/eventsource` has the core from: another file of the package, loaded with the first source.

import type { Exports } from "./abi.js";

export async function instantiate(): Promise<Exports> {
  return (await import("./core-module.js")).instantiate();
}

/** Of no use here: EventSource waits for it. */
export function instantiateNow(): Exports {
  throw new Error("the core is loaded when it is needed");
}
