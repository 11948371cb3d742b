// EventSource's messages, and how they reach its listeners. build.mjs replaces this file by message-target-node.ts for
// Node.js.

export { messageOf, prepareMessages } from "./message.js";

/** Here the platform's EventTarget dispatches them. */
export function dispatching<Target>(implementation: Target): Target {
  return implementation;
}
