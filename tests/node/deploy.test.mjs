// The files of docs/deploy, in the programs they are for.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../support/free-port.mjs";
import { millraceProgram, root, startMillrace } from "../support/millrace-server.mjs";
import { passesEventsUnbuffered } from "../support/proxy-case.mjs";
import { readUntil, until, within } from "../support/until.mjs";

test("behind nginx each event arrives at once, and a killed nginx is survived", (context) =>
  passesEventsUnbuffered(context, {
    documented: "nginx.conf",
    // As documented, but for the ports, and for files that only root could write.
    adapt(text, { directory, port, upstreamPort }) {
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (kind) => `${kind}_temp_path ${directory}/${kind};`,
      );
      return text
        .replace("server 127.0.0.1:8080;", `server 127.0.0.1:${upstreamPort};`)
        .replace("listen 8081;", `listen 127.0.0.1:${port};`)
        .replace("http {", `http { access_log off; ${temporary.join(" ")}`);
    },
    command: (file, directory) => {
      const globals = `daemon off; master_process off; pid ${directory}/pid;`;
      return ["/usr/sbin/nginx", "-p", directory, "-e", "stderr", "-c", file, "-g", globals];
    },
  }));

test("behind Caddy each event arrives at once, and a killed Caddy is survived", (context) =>
  passesEventsUnbuffered(context, {
    documented: "Caddyfile",
    // As documented, but for the ports, and without the port from which it can be administered.
    adapt: (text, { port, upstreamPort }) =>
      `{\n\tadmin off\n\tlog {\n\t\tlevel ERROR\n\t}\n}\n${text
        .replace(":8081 {", `http://127.0.0.1:${port} {`)
        .replace("127.0.0.1:8080", `127.0.0.1:${upstreamPort}`)}`,
    command: (file) => ["/usr/bin/caddy", "run", "--config", file, "--adapter", "caddyfile"],
  }));

// As documented, but for the ports, and for more descriptors than a user may have.
const adaptHaproxy = (text, { port, upstreamPort }) =>
  text
    .replace("maxconn 20000", "maxconn 1000")
    .replace("bind :8081", `bind 127.0.0.1:${port}`)
    .replace("127.0.0.1:8080", `127.0.0.1:${upstreamPort}`);
const haproxy = (file) => ["/usr/sbin/haproxy", "-db", "-q", "-f", file];

test("behind HAProxy each event arrives at once, and a killed HAProxy is survived", (context) =>
  passesEventsUnbuffered(context, { documented: "haproxy.cfg", adapt: adaptHaproxy, command: haproxy }));

/** Whether HAProxy tells the system to hold an event back until there is more to send (MSG_MORE: up to 200 ms). */
async function holdsBack(context, server, change) {
  const directory = mkdtempSync(join(tmpdir(), "millrace-haproxy-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const [file, calls] = [join(directory, "haproxy.cfg"), join(directory, "calls")];
  const port = await freePort();
  const documented = change(readFileSync(join(root, "docs/deploy/haproxy.cfg"), "utf8"));
  writeFileSync(file, adaptHaproxy(documented, { port, upstreamPort: server.port }));
  const options = ["--follow-forks", "--interruptible=waiting", "--trace=sendto", "--string-limit=4096"];
  const proxy = spawn("strace", [...options, "--output", calls, ...haproxy(file)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exited = once(proxy, "exit");
  const abort = new AbortController();
  let response;
  await until(async () => {
    response = await fetch(`http://127.0.0.1:${port}/events?topic=orders`, { signal: abort.signal }).catch(() => null);
    return response?.ok;
  }, "the stream to be open through HAProxy");
  await server.publish({ topic: "orders", data: "an event" });
  await readUntil(response.body.getReader(), /data: an event\n/, "the event to arrive");
  abort.abort();
  proxy.kill("SIGTERM");
  await within(exited, "HAProxy to end");
  const sends = readFileSync(calls, "utf8").split("\n");
  const send = sends.find((call) => call.includes("data: an event"));
  assert.ok(send, "the call that sends the event is among those that were traced");
  return send.includes("MSG_MORE");
}

test("HAProxy needs the recipe's `option http-no-delay`: without it, it holds each event back", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  assert.equal(await holdsBack(context, server, (text) => text), false);
  assert.equal(await holdsBack(context, server, (text) => text.replace(/^ *option http-no-delay$/m, "")), true);
});

test("systemd finds nothing wrong with the units", (context) => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-unit-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const files = ["millrace.service", "millrace.socket"].map((name) => {
    const unit = readFileSync(join(root, "docs/deploy", name), "utf8");
    writeFileSync(join(directory, name), unit.replaceAll("/usr/bin/millrace", millraceProgram()));
    return join(directory, name);
  });
  const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...files], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("systemd calls the unit's exposure OK or better", () => {
  const file = join(root, "docs/deploy/millrace.service");
  // Tenths of its scale, on which OK begins below 5.
  const { status, stdout, stderr } = spawnSync(
    "systemd-analyze",
    ["security", "--offline=true", "--no-pager", "--threshold=20", file],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, `${stdout}${stderr}`);
});

test("the unit tries again when a port is taken, and not when an option is invalid", () => {
  const unit = readFileSync(join(root, "docs/deploy/millrace.service"), "utf8");
  for (const line of [
    "Type=notify",
    "StartLimitIntervalSec=0",
    "RestartPreventExitStatus=2",
    "StateDirectory=millrace",
  ]) {
    assert.match(unit, new RegExp(`^${line}$`, "m"));
  }
});
