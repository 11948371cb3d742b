// The example that speaks the formats of vendors (examples/llm_formats.cpp), on a free port.

import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { millraceProgram } from "./millrace-server.mjs";
import { within } from "./until.mjs";

const program = () =>
  process.env.LLM_FORMATS_BIN ?? join(dirname(realpathSync(millraceProgram())), "example_llm_formats");

/** Starts it with these options, until the test is over; where it listens. */
export async function startFormats(context, ...options) {
  const child = spawn(program(), ["--port", "0", ...options.map(String)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.on("exit", resolve));
  context.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const line = await within(
    new Promise((resolve, reject) => {
      child.on("error", reject);
      createInterface({ input: child.stdout }).on("line", resolve);
    }),
    "the example to say where it listens",
  );
  const origin = /http:\S+/.exec(line)[0];
  return { origin, port: Number(new URL(origin).port) };
}
