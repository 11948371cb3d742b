// The files of docs/deploy, in the programs they are for.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { millraceProgram, root } from "../support/millrace-server.mjs";
import { passesEventsUnbuffered } from "../support/proxy-case.mjs";

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

test("behind HAProxy each event arrives at once, and a killed HAProxy is survived", (context) =>
  passesEventsUnbuffered(context, {
    documented: "haproxy.cfg",
    // As documented, but for the ports, and for more descriptors than a user may have.
    adapt: (text, { port, upstreamPort }) =>
      text
        .replace("maxconn 20000", "maxconn 1000")
        .replace("bind :8081", `bind 127.0.0.1:${port}`)
        .replace("127.0.0.1:8080", `127.0.0.1:${upstreamPort}`),
    command: (file) => ["/usr/sbin/haproxy", "-db", "-q", "-f", file],
  }));

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
