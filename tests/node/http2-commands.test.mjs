// `millrace publish` and `millrace bench` over HTTP/2: by prior knowledge, by ALPN, and through nghttpx.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { after, before, test } from "node:test";
import { freePort } from "../support/free-port.mjs";
import { millraceProgram, startMillrace } from "../support/millrace-server.mjs";
import { testCertificate } from "../support/test-tls.mjs";
import { until } from "../support/until.mjs";

const clear = "--http2-prior-knowledge";
const certificate = testCertificate();
const trust = ["--cacert", certificate.authority];

let server;
let tlsServer;
before(async () => {
  server = await startMillrace();
  tlsServer = await startMillrace("--tls-cert", certificate.chain, "--tls-key", certificate.key);
});
after(async () => {
  await server?.close();
  await tlsServer?.close();
});

/** Runs `millrace` to its end. */
function millrace(args, input = "") {
  return new Promise((resolve) => {
    const options = { timeout: 60_000 };
    const child = execFile(millraceProgram(), args.map(String), options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

async function bench(...args) {
  const { code, stdout, stderr } = await millrace(["bench", ...args]);
  return { code, report: stdout ? JSON.parse(stdout) : null, stderr };
}

/**
 * A server that speaks nothing but HTTP/2, over TLS if `options` has a certificate. Each event is sent as `forward` says; a
 * publish is answered with an ID.
 */
async function onlyHttp2(options = {}, forward = (data) => [data]) {
  const streams = [];
  const requests = [];
  const handle = async (request, response) => {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(":\n\n");
      streams.push(response);
      return;
    }
    let body = "";
    for await (const part of request.setEncoding("utf8")) body += part;
    requests.push({ version: request.httpVersion, headers: request.headers, body });
    for (const data of forward(body)) for (const stream of streams) stream.write(`data: ${data}\n\n`);
    response.writeHead(200, { "content-type": "application/json" }).end('{"id":"its-1"}');
  };
  const one = options.cert ? http2.createSecureServer(options, handle) : http2.createServer(handle);
  const sessions = new Set();
  one.on("session", (session) => sessions.add(session));
  one.listen(0, "127.0.0.1");
  await once(one, "listening");
  const close = () => {
    for (const session of sessions) session.destroy();
    one.close();
  };
  const origin = `${options.cert ? "https" : "http"}://127.0.0.1:${one.address().port}`;
  return { origin, requests, sessions, close };
}

const none = { lost: 0, doubled: 0, outOfOrder: 0, gaps: 0, refused: 0, closed: 0 };

test("publish speaks HTTP/2 in clear if asked to, and each line is one request of one connection", async (context) => {
  const other = await onlyHttp2();
  context.after(other.close);
  const published = await millrace(["publish", other.origin, "-", "--topic", "t", clear, "-H", "x-a: b"], "one\ntwo\n");
  assert.equal(published.code, 0, published.stderr);
  assert.equal(published.stdout, "its-1\nits-1\n");
  assert.deepEqual(
    other.requests.map(({ version, headers, body }) => [version, headers["x-a"], JSON.parse(body).data]),
    [
      ["2.0", "b", "one"],
      ["2.0", "b", "two"],
    ],
  );
  assert.equal(other.sessions.size, 1);
  const refused = await millrace(["publish", other.origin, "x", "--topic", "t"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /the server sent no answer/);
});

test("publish makes a new connection of HTTP/2 if the server has closed the kept one", async (context) => {
  const other = await onlyHttp2();
  context.after(other.close);
  const child = spawn(millraceProgram(), ["publish", other.origin, "-", "--topic", "t", clear]);
  context.after(() => child.kill());
  let answers = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    answers += text;
  });
  for (let line = 1; line <= 2; ++line) {
    child.stdin.write(`${line}\n`);
    await until(() => answers === "its-1\n".repeat(line), `answer ${line}`);
    const [session] = [...other.sessions].slice(-1);
    session.destroy();
  }
  child.stdin.end();
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  assert.deepEqual(
    other.requests.map(({ version, body }) => [version, JSON.parse(body).data]),
    [
      ["2.0", "1"],
      ["2.0", "2"],
    ],
  );
});

test("publish speaks HTTP/2 over TLS with a server that offers it", async (context) => {
  const other = await onlyHttp2({ cert: readFileSync(certificate.chain), key: readFileSync(certificate.key) });
  context.after(other.close);
  const published = await millrace(["publish", other.origin, "x", "--topic", "t", ...trust]);
  assert.equal(published.code, 0, published.stderr);
  assert.equal(other.requests[0].version, "2.0");
});

test("what is published over HTTP/2 is tailed over it", async () => {
  for (const [origin, options] of [
    [server.origin, [clear]],
    [tlsServer.origin, trust],
  ]) {
    const text = "x".repeat(200_000);
    const published = await millrace(["publish", origin, "-", "--topic", "long", ...options], `${text}\nend\n`);
    assert.equal(published.code, 0, published.stderr);
    const tailed = await millrace(
      ["tail", origin, "--topic", "long", "--since", "earliest", "--count", 2, "--json"].concat(options),
    );
    assert.deepEqual(
      tailed.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).data),
      [text, "end"],
    );
  }
});

test("a server without HTTP/2 is an error that names the option", async (context) => {
  const old = await startMillrace("--no-http2");
  context.after(() => old.close());
  const published = await millrace(["publish", old.origin, "x", "--topic", "t", clear]);
  assert.equal(published.code, 1);
  assert.match(published.stderr, /no answer in HTTP\/2; without --http2-prior-knowledge, HTTP\/1.1 is used/);
  const loaded = await bench(old.origin, "--http2");
  assert.equal(loaded.code, 1);
  assert.match(loaded.stderr, /the server does not speak HTTP\/2; without --http2, HTTP\/1.1 is used/);
});

test("publish sends a request once, even if the connection breaks before the answer", async (context) => {
  const requests = [];
  const one = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      requests.push(String(bytes));
      if (requests.length > 1) return socket.destroy();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"id":"a-1"}');
    });
  });
  one.listen(0, "127.0.0.1");
  await once(one, "listening");
  context.after(() => one.close());
  const url = `http://127.0.0.1:${one.address().port}`;
  const { code, stdout, stderr } = await millrace(["publish", url, "-", "--topic", "t"], "one\ntwo\n");
  assert.equal(code, 1);
  assert.equal(stdout, "a-1\n");
  assert.match(stderr, /line 2: .*the connection broke before the answer; the event may be published/);
  assert.equal(requests.length, 2);
});

test("a load over HTTP/2 loses nothing, in clear and over TLS, compressed or not", async () => {
  const load = ["--http2", "--subscribers", 40, "--streams-each", 10, "--topics", 4, "--rate", 200, "--seconds", 0.5];
  for (const [origin, ...options] of [
    [server.origin],
    [server.origin, "--gzip", "--data-bytes", 600, "--processes", 2],
    [tlsServer.origin, ...trust],
  ]) {
    const { code, report, stderr } = await bench(origin, ...load, ...options);
    assert.equal(code, 0, stderr + JSON.stringify(report));
    assert.deepEqual(report.failures, none);
    assert.equal(report.connected, 40);
    assert.equal(report.deliveries, report.published * 10);
    assert.ok(report.published > 50);
  }
});

test("subscribers over HTTP/2 resume after an event", async () => {
  const args = ["--http2", "--subscribers", 20, "--streams-each", 20, "--behind", 200];
  const { code, report, stderr } = await bench(server.origin, ...args);
  assert.equal(code, 0, stderr + JSON.stringify(report));
  assert.equal(report.deliveries, 4000);
});

test("what a server doubles over HTTP/2 is found, on as few connections as asked for", async (context) => {
  const other = await onlyHttp2({}, (data) => (data.startsWith("4 ") ? [data, data] : [data]));
  context.after(other.close);
  const load = ["--raw-body", "--rate", 100, "--seconds", 0.1, "--subscribers", 6, "--streams-each", 3];
  const { code, report } = await bench(other.origin, "--http2", ...load);
  assert.deepEqual(report.failures, { ...none, doubled: 6 });
  assert.equal(code, 1);
  assert.equal(other.sessions.size, 1 + 2 + 1, "a look at the server, the subscribers', the publisher's");
});

test("more streams than the server allows, or without --http2, are an error", async (context) => {
  const small = await startMillrace("--max-http2-streams", "5");
  context.after(() => small.close());
  const many = await bench(small.origin, "--http2", "--subscribers", 12, "--streams-each", 6);
  assert.equal(many.code, 1);
  assert.match(many.stderr, /--streams-each 6: the server allows 5 at a time on a connection/);
  const alone = await bench(server.origin, "--streams-each", 6);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /--streams-each needs --http2/);
});

function isInstalled(program) {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test("publish, tail and bench work through nghttpx", { skip: !isInstalled("nghttpx") }, async (context) => {
  const ports = { clear: await freePort(), tls: await freePort() };
  const proxy = spawn(
    "nghttpx",
    [
      `--frontend=127.0.0.1,${ports.clear};no-tls`,
      `--frontend=127.0.0.1,${ports.tls}`,
      `--backend=127.0.0.1,${server.port};;proto=h2`,
      ...["--workers=1", "--errorlog-file=/dev/null", certificate.key, certificate.chain],
    ],
    { stdio: "ignore" },
  );
  context.after(() => proxy.kill("SIGKILL"));
  for (const [url, options, load] of [
    [`http://127.0.0.1:${ports.clear}`, [clear], []],
    [`https://127.0.0.1:${ports.tls}`, trust, trust],
  ]) {
    const published = await until(async () => {
      const one = await millrace(["publish", url, "through", "--topic", `nghttpx${load.length}`, ...options]);
      return one.code === 0 && one;
    }, "nghttpx to listen");
    assert.match(published.stdout, /-/);
    const tail = ["tail", url, "--topic", `nghttpx${load.length}`, "--since", "earliest", "--count", 1, ...options];
    assert.match((await millrace(tail)).stdout, /through/);
    const args = ["--http2", "--subscribers", 20, "--streams-each", 10, "--rate", 100, "--seconds", 0.3, ...load];
    const { code, report, stderr } = await bench(url, ...args);
    assert.equal(code, 0, stderr + JSON.stringify(report));
  }
});
