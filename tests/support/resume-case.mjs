// The point of it all, end to end: what is published to the real server arrives exactly once and in order, though the
// connection is cut again and again. Node.js and browsers run the same consumer.

import assert from "node:assert/strict";
import { CutProxy } from "./cut-proxy.mjs";
import { startMillrace } from "./millrace-server.mjs";
import { until, within } from "./until.mjs";

const total = 3000;
export const cuts = 4;

/**
 * Reads numbers until the event that ends them. Carried into browsers as text: it uses nothing but its parameters, and
 * `progress`, an object in which it notes whether it is open and how many events have come.
 */
export async function consume(connect, url, options, progress) {
  const connection = connect(url, options);
  let losses = 0;
  connection.addEventListener("open", () => {
    progress.open = true;
  });
  connection.addEventListener("error", () => {
    losses += 1;
  });
  const seen = [];
  for await (const event of connection) {
    if (event.data === "end") break;
    seen.push(event.type === "message" ? Number(event.data) : event);
    progress.arrived = seen.length;
  }
  return { seen, losses };
}

/** The server behind a proxy; both are gone when the test has ended. `extra` are options of `millrace serve`. */
export async function serverBehindProxy(context, ...extra) {
  const server = await startMillrace("--retry", "100", ...extra);
  context.after(() => server.close());
  const proxy = await CutProxy.to(server.port);
  context.after(() => proxy.close());
  return { server, proxy };
}

// A server that compresses does so with the long ones only.
const numbered = (number) => ({ topic: "numbers", data: `${number}`.padEnd(number % 2 === 0 ? 0 : 400) });

/**
 * Publishes numbers and cuts the connection as they go, then checks what has come out. `result` is the promise of what
 * consume() returns, `progress` a function that resolves with its progress.
 */
export async function publishThroughCuts({ server, proxy }, result, progress) {
  // Whoever subscribes gets what is published from then on.
  await until(async () => (await progress()).open, "the subscription to be open");
  let published = 0;
  for (let cut = 1; published < total; cut++) {
    const { arrived } = await progress();
    const events = Array.from({ length: total / (cuts + 1) }, () => numbered(published++));
    const publishing = server.publish(events);
    if (cut <= cuts) {
      await until(async () => (await progress()).arrived > arrived, "the first of what is being published");
      const { accepted } = proxy;
      proxy.cut();
      await publishing;
      await until(() => proxy.accepted > accepted, "the client to come back");
    }
    await publishing;
  }
  await server.publish({ topic: "numbers", data: "end" });
  // Node.js hands each compressed event to a thread and back: milliseconds an event on a busy machine (docs/findings.md).
  const { seen, losses } = await within(result, "the last event", 200_000);
  assert.deepEqual(
    seen,
    Array.from({ length: published }, (_, index) => index),
  );
  assert.ok(losses >= cuts, `of ${cuts} cuts only ${losses} were noticed`);
}
