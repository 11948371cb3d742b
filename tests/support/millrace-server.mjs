// The real `millrace serve`, on a free port.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { fetchOverTls, overTls, testCertificate } from "./test-tls.mjs";
import { within } from "./until.mjs";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** $MILLRACE_BIN, else build/bin/millrace, else the newest that any preset has built. */
export function millraceProgram() {
  if (process.env.MILLRACE_BIN) return process.env.MILLRACE_BIN;
  const placed = join(root, "build/bin/millrace");
  if (existsSync(placed)) return placed;
  const built = readdirSync(join(root, "build"))
    .map((preset) => join(root, "build", preset, "bin/millrace"))
    .filter((path) => existsSync(path))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (built.length === 0) throw new Error("there is no millrace program: ./run build makes one, or set MILLRACE_BIN");
  return built[0];
}

/** The environment without MILLRACE_…, of which the program takes all for its options. */
export function withoutOptions(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("MILLRACE_")));
}

/** Starts it; `extra` are further options. Open to all, unless they have keys. */
export async function startMillrace(...extra) {
  const program = millraceProgram();
  if (overTls && !extra.some((option) => option.startsWith("--tls-"))) {
    const { chain, key } = testCertificate();
    extra.push("--tls-cert", chain, "--tls-key", key);
  }
  const port0 = extra.includes("--port") ? [] : ["--port", "0"];
  const open = extra.some((option) => /^--(?:admin|publish|subscribe)-key/.test(option)) ? [] : ["--insecure"];
  const child = spawn(program, ["serve", "--host", "127.0.0.1", ...port0, ...open, ...extra], {
    stdio: ["ignore", "pipe", "pipe"],
    env: withoutOptions(process.env),
  });
  // What it logs is of interest if it fails, and not among the results of tests else.
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log = (log + text).slice(-16_384);
  });
  const exited = new Promise((resolve, reject) => {
    child.on("exit", resolve);
    child.on("error", reject);
  });
  child.on("close", (code, signal) => {
    if (code || (signal && signal !== "SIGTERM"))
      process.stderr.write(`${program}: ${signal ?? `exit ${code}`}\n${log}`);
  });
  const [scheme, port] = await within(
    Promise.race([whereItListens(child.stdout), exited.then((code) => Promise.reject(new Error(`exit ${code}`)))]),
    `${program} to say where it listens`,
  );
  child.stdout.resume();
  const origin = `${scheme}://127.0.0.1:${port}`;
  return {
    port,
    origin,
    events: `${origin}/events`,
    /** Publishes one event, or each of an array, and returns what the server answers. */
    async publish(events) {
      const body = (Array.isArray(events) ? events : [events]).map((event) => JSON.stringify(event)).join("\n");
      const type = Array.isArray(events) ? "application/x-ndjson" : "application/json";
      const response = await (overTls ? fetchOverTls : fetch)(`${origin}/events`, {
        method: "POST",
        headers: { "Content-Type": type },
        body,
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`publishing was answered with ${response.status}: ${text}`);
      return text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    },
    async close() {
      child.kill("SIGTERM");
      await within(exited, "millrace to stop");
    },
  };
}

async function whereItListens(stdout) {
  for await (const line of createInterface({ input: stdout })) {
    const [, scheme, port] = /listening on (https?):\/\/[^:]+:(\d+)/.exec(line) ?? [];
    if (port) return [scheme, Number(port)];
  }
  return new Promise(() => {}); // it has ended: its exit says why
}
