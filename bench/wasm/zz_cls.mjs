const { streams } = await import("./streams.mjs");
const { eventSources } = await import("./event-sources.mjs");
const s = streams().find((x) => x.name.includes(process.argv[2] ?? "with IDs"));
const cpu = async (name, f) => {
  for (let i = 0; i < 4; i++) await f();
  let best = 1e9;
  for (let r = 0; r < 12; r++) {
    const b = process.cpuUsage();
    await f();
    const u = process.cpuUsage(b);
    best = Math.min(best, (u.user + u.system) / 1000);
  }
  console.log(name.padEnd(28), best.toFixed(2), "ms");
};
if (process.argv[3]) {
  for (let i = 0; i < 40; i++) await eventSources.millrace(s.chunks, s.events);
  process.exit();
}
for (let k = 0; k < 2; k++)
  for (const n of Object.keys(eventSources)) await cpu(n, () => eventSources[n](s.chunks, s.events));
process.exit();
