// A listening socket that a service manager keeps: while the server restarts, no connection is refused.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect as connectTo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { connect } from "millrace";
import { millraceProgram, withoutOptions } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

// As systemd does it: the socket is made once, and each start gets it as descriptor 3.
const holder = `
  use Socket;
  $^F = 10;
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die;
  bind($socket, sockaddr_in(0, INADDR_LOOPBACK)) or die;
  listen($socket, 100) or die;
  fileno($socket) == 3 or die "not the first descriptor";
  my ($port) = sockaddr_in(getsockname($socket));
  $| = 1;
  print "port $port\\n";
  exec "sh", "-c", 'while read -r how; do
    sh -c "echo started \\$\\$; LISTEN_FDS=1 LISTEN_PID=\\$\\$ exec \\"\\$@\\"" sh "$@" </dev/null 2>&1
    echo "ended $?"
  done', "holder", @ARGV;
`;

test("a restart refuses no connection, and loses no event", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-socket-"));
  const child = spawn(
    "perl",
    ["-e", holder, millraceProgram(), "serve", "--insecure", "--drain", "1", "--retry", "50"].concat([
      "--store",
      `sqlite:${join(folder, "events.db")}`,
      "--host",
      "192.0.2.1",
    ]),
    { stdio: ["pipe", "pipe", "inherit"], env: withoutOptions(process.env) },
  );
  const exited = new Promise((resolve) => child.on("exit", resolve));
  const said = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(line));
  const line = async (pattern) => {
    await until(() => said.some((one) => pattern.test(one)), String(pattern));
    return pattern.exec(said.findLast((one) => pattern.test(one)));
  };
  const start = async () => {
    said.length = 0;
    child.stdin.write("start\n");
    await line(/listening on http/);
    return Number((await line(/^started (\d+)/))[1]);
  };
  const port = Number((await line(/^port (\d+)/))[1]);
  const origin = `http://127.0.0.1:${port}`;
  // Each on a connection of its own.
  const publish = (data) =>
    new Promise((resolve, reject) => {
      const sent = request(`${origin}/events`, { method: "POST", agent: false }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      });
      sent.on("error", reject).end(JSON.stringify({ topic: "a", data }));
    });

  let pid = await start();
  context.after(async () => {
    child.stdin.end();
    process.kill(pid, "SIGTERM");
    await within(exited, "the holder to end");
    rmSync(folder, { recursive: true });
  });
  assert.ok(
    said.some((one) => one.endsWith("--host and --port are ignored")),
    said.join("\n"),
  );
  assert.ok(
    said.some((one) => one.includes(`listening on ${origin}`)),
    said.join("\n"),
  );
  const connection = connect(`${origin}/events`, { topics: "a" });
  context.after(() => connection.close());
  const got = [];
  (async () => {
    for await (const { data } of connection) got.push(data);
  })();
  await until(() => connection.readyState === 1, "the stream to be open");
  await publish("before");

  // Connections are tried for as long as it takes.
  const outcomes = { connected: 0, refused: 0 };
  let isTrying = true;
  const tries = (async () => {
    while (isTrying) {
      await new Promise((resolve) => {
        const socket = connectTo(port, "127.0.0.1");
        socket.on("connect", () => socket.destroy(++outcomes.connected && undefined));
        socket.on("error", () => ++outcomes.refused);
        socket.on("close", resolve);
      });
    }
  })();
  process.kill(pid, "SIGTERM");
  await line(/^.*draining/);
  const during = publish("during");
  await line(/^ended 0$/);
  const waiting = publish("nobody is there");
  pid = await start();
  assert.equal(await during, 200);
  assert.equal(await waiting, 200);
  await publish("after");
  await until(() => got.includes("after"), "the last event");
  isTrying = false;
  await tries;
  assert.equal(outcomes.refused, 0, JSON.stringify(outcomes));
  assert.ok(outcomes.connected > 10, JSON.stringify(outcomes));
  assert.deepEqual([...got].sort(), ["after", "before", "during", "nobody is there"]);
});

test("several sockets, and one that is not a TCP socket, are refused with what to write", async () => {
  for (const [count, script, sentence] of [
    [2, "", /passes 2 sockets; expected one: leave one ListenStream= in the socket unit/],
    [1, "3<&0", /not a TCP socket: use ListenStream=HOST:PORT/],
  ]) {
    const child = spawn(
      "sh",
      ["-c", `sh -c 'LISTEN_FDS=${count} LISTEN_PID=$$ exec "$@" ${script}' sh "$@"`, "sh", millraceProgram(), "serve"],
      { stdio: ["ignore", "ignore", "pipe"], env: withoutOptions(process.env) },
    );
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    assert.equal(await within(new Promise((resolve) => child.on("exit", resolve)), "it to end"), 2, errors);
    await until(() => sentence.test(errors), String(sentence));
  }
});
