// The core of `millrace/eventsource`: another file of the package, loaded with the first source.

import type { Exports } from "./abi.js";

export async function instantiate(): Promise<Exports> {
  return (await import("./core-module.js")).instantiate();
}

/** Not used here: EventSource waits for the core. */
export function instantiateNow(): Exports {
  throw new Error("the core is loaded asynchronously");
}
