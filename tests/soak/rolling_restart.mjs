// By hand: a rolling restart under many streams; docs/operations.md has figures.
//
//   ulimit -n 20000; node tests/soak/rolling_restart.mjs 10000 [nginx | haproxy | caddy]
//
// This process has one descriptor for each stream, and each process of a proxy two for each of 5,000 streams.

import { rollingRestart } from "../support/rolling-restart.mjs";

const count = Number(process.argv[2] ?? 10_000);
const proxy = process.argv[3] ?? "nginx";
if (!["nginx", "haproxy", "caddy"].includes(proxy)) throw new Error(`unknown proxy ${proxy}; expected nginx, haproxy or caddy`);
const { published, seconds, faults } = await rollingRestart({ count, proxy, drain: 10, say: console.log });
console.log(`behind ${proxy}: ${published} events to each of ${count} streams; faults: ${faults.length}`);
for (const fault of faults.slice(0, 10)) console.log(fault);
console.log(`until all streams were live again: ${seconds.map((one) => `${one.toFixed(1)} s`).join(", ")}`);
process.exitCode = faults.length === 0 ? 0 : 1;
