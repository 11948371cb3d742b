// The three nodes behind nginx of docs/operations.md: the commands and files that stand there, on addresses of this machine.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { connect } from "millrace";
import { freePort } from "../support/free-port.mjs";
import { millraceProgram, root, withoutOptions } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

const read = (name) => readFileSync(join(root, "docs", name), "utf8");

test("three nodes behind nginx are one: a machine may die, and clients resume at another", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-three-"));
  const ports = { 4222: await freePort(), 6222: await freePort(), 8080: await freePort(), 8081: await freePort() };
  /** As documented, but for addresses and ports, which are this machine's. */
  const adapt = (text) =>
    text.replaceAll("10.0.0.", "127.83.0.").replaceAll(/\b(4222|6222|8080|8081)\b/g, (port) => ports[port]);
  /** Before 2.10, which docs/stores.md asks for, nats-server has no such setting. */
  const isOld = /v2\.[0-9]\./.test(execFileSync("nats-server", ["--version"], { encoding: "utf8" }));
  const forThisNats = (text) => (isOld ? text.replace("sync_interval: always", "") : text);
  const sections = read("operations.md")
    .split("### Three nodes behind nginx")[1]
    .matchAll(/^```sh\n(.*?)^```$/gms);
  const [nats, millrace] = [...sections].map(([, text]) => adapt(text));

  const running = [];
  context.after(async () => {
    for (const child of running) child.kill("SIGKILL");
    await Promise.all(running.map((child) => child.exited));
    rmSync(directory, { recursive: true });
  });
  /** Runs a command in `folder`; what is killed is the program itself, since the shell becomes it. */
  const run = (command, folder) => {
    const child = spawn("bash", ["-c", command], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...withoutOptions(process.env), PATH: `${dirname(millraceProgram())}:${process.env.PATH}` },
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      said = (said + text).slice(-4_096);
    });
    child.exited = new Promise((resolve) => child.once("exit", resolve));
    child.on("exit", (code) => {
      if (code) process.stderr.write(`${command}: exit ${code}\n${said}`);
    });
    running.push(child);
    return child;
  };
  const machine = (n) => {
    const folder = join(directory, `${n}`);
    mkdirSync(folder);
    writeFileSync(
      join(folder, "nats.conf"),
      forThisNats(adapt(read("deploy/nats.conf")).replace("/var/lib/nats", `${folder}/nats`)),
    );
    writeFileSync(join(folder, "keys"), "a-key-of-this-test\n");
    const here = (text) =>
      text.replace("HOST=127.83.0.1", `HOST=127.83.0.${n}`).replace(/^(nats-server|millrace)/m, "exec $1");
    return {
      /** With 503 from /readyz it is up as well. */
      isUp: async () => {
        try {
          return (await fetch(`http://127.83.0.${n}:${ports[8080]}/healthz`)).status === 200;
        } catch {
          return false;
        }
      },
      natsIsUp: () =>
        new Promise((resolve) => {
          const socket = createConnection(ports[4222], `127.83.0.${n}`, () => resolve(true));
          socket.on("connect", () => socket.destroy()).on("error", () => resolve(false));
        }),
      startNats() {
        this.nats = run(here(nats).replace("nats-server", `nats-server --port ${ports[4222]}`), folder);
      },
      startMillrace() {
        this.millrace = run(here(millrace).replace("millrace serve", `millrace serve --port ${ports[8080]}`), folder);
      },
      async kill() {
        for (const child of [this.nats, this.millrace]) {
          child.kill("SIGKILL");
          await within(child.exited, "a killed program to be gone");
        }
      },
    };
  };
  const machines = [1, 2, 3].map(machine);
  for (const one of machines) one.startNats();
  for (const one of machines) await until(() => one.natsIsUp(), "nats-server to be up", 60_000);
  for (const one of machines) one.startMillrace();
  for (const one of machines) await until(() => one.isUp(), "Millrace to be up", 60_000);

  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  const configuration = join(directory, "nginx.conf");
  writeFileSync(
    configuration,
    adapt(read("deploy/nginx-three-nodes.conf"))
      .replace(`listen ${ports[8081]};`, `listen 127.0.0.1:${ports[8081]};`)
      .replace("http {", `http { access_log off; ${temporary.join(" ")}`),
  );
  const globals = `daemon off; master_process off; pid ${directory}/pid;`;
  run(`exec /usr/sbin/nginx -p ${directory} -e stderr -c ${configuration} -g '${globals}'`, directory);
  const url = `http://127.0.0.1:${ports[8081]}/events`;

  const connections = Array.from({ length: 6 }, () => connect(url, { topics: "orders" }));
  context.after(() => {
    for (const connection of connections) connection.close();
  });
  for (const connection of connections) {
    await until(() => connection.readyState === 1, "the streams to be open through nginx", 60_000);
  }
  const streams = connections.map((connection) => connection[Symbol.asyncIterator]());

  let published = 0;
  /** Again until it is accepted, under an ID of its own: it is published once. */
  const publish = async () => {
    const body = JSON.stringify({ topic: "orders", id: `order-${published}`, data: `${published}` });
    const headers = { "Content-Type": "application/json", Authorization: "Bearer a-key-of-this-test" };
    await until(
      async () => {
        const response = await fetch(url, { method: "POST", headers, body });
        await response.text();
        assert.ok([200, 502, 503, 504].includes(response.status), `status ${response.status}`);
        return response.status === 200;
      },
      `event ${published} to be accepted`,
      60_000,
    );
    ++published;
  };
  let received = 0;
  const receive = async () => {
    for (; received < published; ++received) {
      for (const stream of streams) {
        const { value } = await within(stream.next(), `event ${received} to arrive`, 60_000);
        assert.equal(value.type, "message");
        assert.equal(value.data, `${received}`);
      }
    }
  };

  for (let i = 0; i < 10; ++i) await publish();
  await receive();
  const [dies] = machines;
  await dies.kill();
  for (let i = 0; i < 5; ++i) await publish();
  await receive();
  dies.startNats();
  dies.startMillrace();
  await until(() => dies.isUp(), "Millrace to be up again", 60_000);
  for (let i = 0; i < 5; ++i) await publish();
  await receive();
});
