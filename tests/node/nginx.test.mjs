// The configuration of docs/deploy/nginx.conf, in a real nginx: event streams pass it unbuffered and come back after it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../client-wasm/dist/index.js";
import { root, startMillrace } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// As documented, but for the ports, and for files that only root could write.
function configuration(directory, port, upstreamPort) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  const text = readFileSync(join(root, "docs/deploy/nginx.conf"), "utf8")
    .replace("server 127.0.0.1:8080;", `server 127.0.0.1:${upstreamPort};`)
    .replace("listen 8081;", `listen 127.0.0.1:${port};`)
    .replace("http {", `http { access_log off; ${temporary.join(" ")}`);
  const file = join(directory, "nginx.conf");
  writeFileSync(file, text);
  return file;
}

test("behind nginx each event arrives at once, and a killed nginx is survived", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  const directory = mkdtempSync(join(tmpdir(), "millrace-nginx-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const port = await freePort();
  const file = configuration(directory, port, server.port);
  const startNginx = () => {
    const globals = `daemon off; master_process off; pid ${directory}/pid;`;
    const nginx = spawn("/usr/sbin/nginx", ["-p", directory, "-e", "stderr", "-c", file, "-g", globals], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const exited = new Promise((resolve) => nginx.once("exit", resolve));
    return { kill: (signal) => nginx.kill(signal), exited };
  };
  let nginx = startNginx();
  context.after(async () => {
    nginx.kill("SIGTERM");
    await within(nginx.exited, "nginx to end");
  });

  const connection = connect(`http://127.0.0.1:${port}/events`, { topics: "orders" });
  context.after(() => connection.close());
  await until(() => connection.readyState === 1, "the stream to be open through nginx");
  const events = connection[Symbol.asyncIterator]();
  // The next one is published only once the last has arrived: nothing may wait for more.
  for (let n = 0; n < 20; ++n) {
    await server.publish({ topic: "orders", data: `${n}` });
    const { value } = await within(events.next(), `event ${n} to arrive`);
    assert.equal(value.data, `${n}`);
  }

  nginx.kill("SIGKILL");
  await within(nginx.exited, "nginx to be gone");
  await server.publish({ topic: "orders", data: "while it was away" });
  nginx = startNginx();
  const { value } = await within(events.next(), "the event published meanwhile", 20_000);
  assert.equal(value.data, "while it was away");
});
