const { streams } = await import("/work/n1/bench/wasm/streams.mjs");
const { parsers } = await import("/work/n1/bench/wasm/parsers.mjs");
const which = process.argv[2] ?? "not all";
const s = streams().find((x) => x.name.includes(which));
export const cpu = (name, f) => {
  for (let i = 0; i < 6; i++) f();
  let best = 1e9;
  for (let r = 0; r < 20; r++) {
    const b = process.cpuUsage();
    f();
    const u = process.cpuUsage(b);
    best = Math.min(best, (u.user + u.system) / 1000);
  }
  console.log(name.padEnd(28), best.toFixed(2), "ms");
};
cpu("eventsource-parser", () => parsers["eventsource-parser"](s.chunks));
cpu("millrace", () => parsers.millrace(s.chunks));
cpu("eventsource-parser", () => parsers["eventsource-parser"](s.chunks));
cpu("millrace", () => parsers.millrace(s.chunks));
