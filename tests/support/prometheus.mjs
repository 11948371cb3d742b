// Debian's Prometheus, which scrapes one server every second, and keeps exemplars.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.mjs";
import { within } from "./until.mjs";

export async function startPrometheus(target) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-prometheus-"));
  const configuration = join(folder, "prometheus.yml");
  writeFileSync(
    configuration,
    `global: { scrape_interval: 1s }
scrape_configs: [{ job_name: millrace, static_configs: [{ targets: ["${target}"] }] }]\n`,
  );
  const address = `127.0.0.1:${await freePort()}`;
  const options = [
    `--config.file=${configuration}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=${address}`,
    "--enable-feature=exemplar-storage",
  ];
  const child = spawn("prometheus", options, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log += text;
  });
  const ended = once(child, "exit");
  return {
    /** The data of an answer of its API; nothing while it does not answer. */
    async ask(path) {
      if (child.exitCode !== null) throw new Error(`Prometheus has ended: ${log}`);
      const response = await fetch(`http://${address}/api/v1/${path}`).catch(() => undefined);
      return response?.ok ? (await response.json()).data : undefined;
    },
    async close() {
      child.kill();
      await within(ended, "Prometheus to stop");
      rmSync(folder, { recursive: true });
    },
  };
}
