// `millrace serve` over TLS, with the clients that people have: curl, openssl, Node, millrace itself.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { freePort } from "../support/free-port.mjs";
import { millraceProgram, startMillrace, withoutOptions } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
process.env.XDG_STATE_HOME = folder;
const authority = join(folder, "millrace/tls-dev/authority.pem");
const program = millraceProgram();

let server;
before(async () => {
  server = await startMillrace("--tls-dev");
});
after(async () => {
  await server?.close();
  rmSync(folder, { recursive: true });
});

/** Runs a program to its end: its exit code, and what it has written. */
function run(command, args, { input = "", env = {} } = {}) {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { env: { ...withoutOptions(process.env), ...env }, timeout: 60_000 },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

function openssl(...args) {
  return run("openssl", args);
}

/** A self-signed certificate for localhost in files of the folder. */
async function makeCertificate(name, ...extra) {
  const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const made = await openssl(
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", `/CN=${name}`],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", files.cert, "-keyout", files.key],
    ...(extra.length > 0 ? extra : ["-nodes"]),
  );
  assert.equal(made.code, 0, made.stderr);
  return files;
}

function ask(port, { path = "/healthz", ca = readFileSync(authority), method = "GET", body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request({ host: "localhost", port, path, ca, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode, text, socket: response.socket }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

test("Node's https accepts the certificate of --tls-dev, and agrees on HTTP/1.1", async () => {
  assert.equal((await ask(server.port)).status, 200);
  const socket = tls.connect({
    host: "localhost",
    port: server.port,
    ca: readFileSync(authority),
    ALPNProtocols: ["http/1.1"],
  });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  assert.equal(socket.alpnProtocol, "http/1.1");
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
  await assert.rejects(ask(server.port, { ca: [] }), /self[- ]signed|unable to verify/);
});

test("the key of --tls-dev is its owner's, and a second start takes the same certificate", async () => {
  assert.equal(statSync(join(folder, "millrace/tls-dev/key.pem")).mode & 0o777, 0o600);
  const before = readFileSync(authority, "utf8");
  const second = await startMillrace("--tls-dev");
  await second.close();
  assert.equal(readFileSync(authority, "utf8"), before);
  const { ca, subjectAltName } = new X509Certificate(readFileSync(join(folder, "millrace/tls-dev/cert.pem")));
  assert.equal(ca, false);
  assert.match(subjectAltName, /DNS:localhost/);
});

for (const version of ["1.2", "1.3"]) {
  test(`curl publishes and reads over TLS ${version}`, async () => {
    const own = ["-sS", "--cacert", authority, `--tlsv${version}`, "--tls-max", version];
    const url = `https://localhost:${server.port}/events`;
    const published = await run("curl", [...own, "--json", `{"topic":"curl/${version}","data":"over TLS"}`, url]);
    assert.match(published.stdout, /"id"/, published.stderr);
    const read = await run("curl", [...own, `${url}?topic=curl/${version}&lastEventId=earliest&mode=poll`]);
    assert.match(read.stdout, /data: over TLS/, read.stderr);
  });

  test(`openssl s_client comes back with its ticket over TLS ${version}`, async () => {
    const session = join(folder, `session-${version}.pem`);
    const own = ["s_client", "-connect", `localhost:${server.port}`, "-CAfile", authority, "-verify_return_error"];
    const only = version === "1.2" ? "-tls1_2" : "-tls1_3";
    const input = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const first = await run("openssl", [...own, only, "-ign_eof", "-sess_out", session], { input });
    assert.match(first.stdout, /New, TLS/, first.stderr);
    assert.match(first.stdout, /200 OK/);
    const second = await run("openssl", [...own, only, "-ign_eof", "-sess_in", session], { input });
    assert.match(second.stdout, /Reused, TLS/, second.stderr);
    assert.match(second.stdout, /200 OK/);
  });
}

test("what TLS 1.1, RC4 and static RSA would do is refused", async () => {
  for (const args of [
    ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "AES128-SHA"],
  ]) {
    const { code } = await run("openssl", ["s_client", "-connect", `localhost:${server.port}`, ...args]);
    assert.notEqual(code, 0, args.join(" "));
  }
});

test("millrace publishes to it and tails it, with --cacert or --insecure-tls", async () => {
  const url = `https://localhost:${server.port}`;
  for (const trust of [["--cacert", authority], ["--insecure-tls"]]) {
    const topic = `own/${trust.length}`;
    const published = await run(program, ["publish", url, "hello", "--topic", topic, ...trust]);
    assert.equal(published.code, 0, published.stderr);
    const tailed = await run(program, ["tail", url, "--topic", topic, "--since", "earliest", "--count", "1", ...trust]);
    assert.match(tailed.stdout, /hello/, tailed.stderr);
  }
  const refused = await run(program, ["publish", url, "hello", "--topic", "own"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /certificate is not accepted/);
  const unseen = await run(program, ["tail", url, "--topic", "own", "--reconnect", "never"]);
  assert.notEqual(unseen.code, 0);
  assert.match(unseen.stderr, /certificate/);
});

test("millrace bench loses nothing over TLS", async () => {
  const args = ["--cacert", authority, "--subscribers", "50", "--rate", "200", "--seconds", "1"];
  const { code, stdout, stderr } = await run(program, ["bench", `https://localhost:${server.port}`, ...args]);
  assert.equal(code, 0, stdout + stderr);
  assert.equal(JSON.parse(stdout).connected, 50);
});

test("SIGHUP brings a new certificate, and no stream ends", async (context) => {
  const old = await makeCertificate("old");
  const fresh = await makeCertificate("fresh");
  const files = { cert: join(folder, "now.pem"), key: join(folder, "now.key") };
  const place = ({ cert, key }) => {
    writeFileSync(files.key, readFileSync(key), { mode: 0o600 });
    writeFileSync(files.cert, readFileSync(cert));
  };
  place(old);
  const options = ["--port", "0", "--insecure", "--tls-cert", files.cert, "--tls-key", files.key];
  const child = spawn(program, ["serve", ...options], { env: withoutOptions(process.env) });
  context.after(() => child.kill("SIGKILL"));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  await until(() => /listening on https:/.test(output), "the server to listen");
  const port = Number(/https:\/\/[^:]+:(\d+)/.exec(output)[1]);
  const seen = async (ca) => {
    const socket = tls.connect({ host: "localhost", port, ca: readFileSync(ca) });
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  };
  assert.equal(await seen(old.cert), "old");
  let streamed = "";
  let hasEnded = false;
  const stream = https.get(
    { host: "localhost", port, path: "/events?topic=a", ca: readFileSync(old.cert) },
    (response) => {
      response.setEncoding("utf8").on("data", (text) => {
        streamed += text;
      });
      response.on("close", () => {
        hasEnded = true;
      });
    },
  );
  await until(() => streamed.includes("retry"), "the stream to begin");
  place(fresh);
  child.kill("SIGHUP");
  await until(() => output.includes("reloaded the certificates"), "the reload");
  assert.equal(await seen(fresh.cert), "fresh");
  writeFileSync(files.cert, "nothing");
  child.kill("SIGHUP");
  await until(
    () => output.includes("could not reload the certificates; the old ones stay in use: --tls-cert:"),
    "the refusal",
  );
  assert.equal(await seen(fresh.cert), "fresh");
  const body = '{"topic":"a","data":"still here"}';
  const headers = { "Content-Type": "application/json" };
  assert.equal(
    (await ask(port, { path: "/events", method: "POST", body, headers, ca: readFileSync(fresh.cert) })).status,
    200,
  );
  await until(() => streamed.includes("still here"), "the event");
  assert.equal(hasEnded, false);
  stream.destroy();
  child.kill("SIGTERM");
  await within(exited, "the server to end");
});

test("--redirect-port sends clear HTTP to https", async () => {
  const clear = await freePort();
  const redirecting = await startMillrace("--tls-dev", "--redirect-port", String(clear), "--allowed-host", "localhost");
  const answer = await fetch(`http://localhost:${clear}/events?topic=a`, { redirect: "manual" });
  assert.equal(answer.status, 308);
  assert.equal(answer.headers.get("location"), `https://localhost:${redirecting.port}/events?topic=a`);
  const elsewhere = await fetch(`http://127.0.0.1:${clear}/`, { redirect: "manual" });
  assert.equal(elsewhere.status, 421);
  assert.match((await elsewhere.json()).error, /not a name of this server \(--allowed-host\)/);
  for (const [target, host, sentence] of [
    ["/", "", /^Host: missing/],
    ["*", "localhost", /redirects paths/],
  ]) {
    const socket = net.connect(clear, "127.0.0.1");
    socket.write(`OPTIONS ${target} HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    const [head, body] = (await text(socket)).split("\r\n\r\n");
    assert.match(head, /^HTTP\/1\.\d 400 /);
    assert.match(head, /^Content-Type: application\/json$/im);
    assert.match(JSON.parse(body).error, sentence);
  }
  await redirecting.close();
});

test("clear HTTP on the port is answered with the advice to use https", async () => {
  const answer = await fetch(`http://localhost:${server.port}/events?topic=a`);
  assert.equal(answer.status, 400);
  assert.match((await answer.json()).error, /use https:\/\//);
});

test("what is wrong is one line at the start, and exit code 2", async () => {
  const good = await makeCertificate("good");
  const other = await makeCertificate("other");
  const locked = await makeCertificate("locked", "-passout", "pass:open sesame");
  const passphrase = join(folder, "passphrase");
  writeFileSync(passphrase, "open sesame\n");
  const tlsOf = ({ cert, key }) => ["--tls-cert", cert, "--tls-key", key];
  const cases = [
    [["--tls-cert", good.cert], /--tls-cert and --tls-key: each certificate needs its key; there are 1 and 0/],
    [tlsOf({ cert: good.cert, key: other.key }), /--tls-key: ".*other.key" does not belong to the certificate/],
    [tlsOf({ cert: join(folder, "none.pem"), key: good.key }), /--tls-cert: ".*none.pem" cannot be read: No such file/],
    [tlsOf({ cert: good.key, key: good.key }), /--tls-cert: ".*good.key" contains no certificate/],
    [tlsOf({ cert: good.cert, key: good.cert }), /--tls-key: ".*good.pem" contains no private key/],
    [tlsOf(locked), /--tls-key: ".*locked.key" is encrypted, and there is no passphrase for it/],
    [["--tls-dev", ...tlsOf(good)], /--tls-dev makes a certificate of its own/],
    [["--tls-client-ca", good.cert], /--tls-client-ca needs TLS/],
    [["--redirect-port", "8081"], /--redirect-port needs TLS/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stderr } = await run(program, ["serve", "--check-config", ...args]);
    assert.match(stderr, sentence);
    assert.equal(code, 2, stderr);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
  const opened = await run(program, ["serve", "--check-config", ...tlsOf(locked), "--tls-passphrase-file", passphrase]);
  assert.equal(opened.code, 0, opened.stderr);
  chmodSync(good.key, 0o644);
  const warned = await run(program, ["serve", "--check-config", ...tlsOf(good)]);
  assert.equal(warned.code, 0);
  assert.match(warned.stderr, /other users of this machine can read the private key/);
});

test("only clients with a certificate of --tls-client-ca get in", async () => {
  const mine = await makeCertificate("client");
  const guarded = await startMillrace("--tls-dev", "--tls-client-ca", mine.cert);
  const own = ["-sS", "--cacert", authority, `https://localhost:${guarded.port}/healthz`];
  assert.notEqual((await run("curl", own)).code, 0);
  const accepted = await run("curl", [
    "--cert",
    mine.cert,
    "--key",
    mine.key,
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    ...own,
  ]);
  assert.equal(accepted.stdout, "200", accepted.stderr);
  await guarded.close();
});
