// A rolling restart, measured: three servers that share a store in PostgreSQL, behind a proxy as docs/deploy has it, are
// restarted one after the other while events are published. Every stream must have every event once, in order.

import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { get, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.mjs";
import { millraceProgram, root, withoutOptions } from "./millrace-server.mjs";
import { until, within } from "./until.mjs";

const kPatience = 120_000;

/** Streams through one process of a proxy, which has two descriptors for each. Many streams have several such proxies. */
const kStreamsPerProxy = 5_000;

/** A client that does what the standard asks of one, and no more: it resumes by the last ID, after `retry`. */
class Stream {
  received = 0;
  faults = [];
  #lastId = "";
  #retry = 500;
  #url;
  #request;
  #timer;
  isOpen = false;

  constructor(url) {
    this.#url = url;
    this.#connect();
  }
  close() {
    this.isClosed = true;
    clearTimeout(this.#timer);
    this.#request.destroy();
  }

  #connect() {
    const headers = { Accept: "text/event-stream", ...(this.#lastId && { "Last-Event-ID": this.#lastId }) };
    this.#request = get(this.#url, { agent: false, headers }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        return this.#later(1000 * Number(response.headers["retry-after"] ?? 1));
      }
      this.isOpen = true;
      let text = "";
      response.setEncoding("utf8").on("data", (more) => {
        const blocks = (text + more).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) this.#take(block);
      });
      response.on("close", () => this.#later(this.#retry));
    });
    this.#request.on("error", () => this.#later(this.#retry));
  }
  #later(milliseconds) {
    this.isOpen = false;
    clearTimeout(this.#timer);
    if (!this.isClosed) this.#timer = setTimeout(() => this.#connect(), milliseconds);
  }
  #take(block) {
    const field = (name) => new RegExp(`^${name}: ?(.*)$`, "m").exec(block)?.[1];
    this.#lastId = field("id") ?? this.#lastId;
    this.#retry = Number(field("retry") ?? this.#retry);
    const type = field("event");
    if (type === "millrace.gap") this.faults.push(`a gap after ${this.received}`);
    const data = type === undefined ? field("data") : undefined;
    if (data === undefined) return;
    if (data !== `${this.received}`) this.faults.push(`${data} instead of ${this.received}`);
    this.received = Number(data) + 1;
  }
}

/** What runs, and ends with the trial. */
class Programs {
  #running = [];
  /** `ending`: the signal at which it ends with all its processes. */
  start(command, args, { ending = "SIGKILL", ...options } = {}) {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], ...options });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      said = (said + text).slice(-4_096);
    });
    child.exited = new Promise((resolve) => child.once("exit", resolve));
    child.on("exit", (code) => code && process.stderr.write(`${command}: exit ${code}\n${said}`));
    this.#running.push({ child, ending });
    return child;
  }
  async end() {
    for (const { child, ending } of this.#running.reverse()) {
      child.kill(ending);
      await within(child.exited, "a program to be gone");
    }
  }
}

async function startPostgres(programs, folder) {
  const versions = readdirSync("/usr/lib/postgresql").sort((a, b) => Number(a) - Number(b));
  const bin = `/usr/lib/postgresql/${versions.at(-1)}/bin`;
  const data = join(folder, "postgres");
  mkdirSync(data);
  let as = [];
  if (process.getuid() === 0) {
    // It does not run as root.
    const [uid, gid] = ["-u", "-g"].map((which) => Number(execFileSync("id", [which, "postgres"])));
    chownSync(data, uid, gid);
    as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
  }
  const command = (name, ...args) => [...as, `${bin}/${name}`, ...args];
  const [first, ...rest] = command("initdb", "-D", data, "-N", "-A", "trust", "-U", "millrace", "-E", "UTF8");
  execFileSync(first, rest, { stdio: ["ignore", "ignore", "pipe"] });
  const port = await freePort();
  const [program, ...args] = command("postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1");
  programs.start(program, [...args, "-c", "unix_socket_directories="].map(String));
  const url = `postgres://millrace@127.0.0.1:${port}/postgres`;
  await until(
    () => {
      try {
        return execFileSync(`${bin}/pg_isready`, ["-q", "-d", url]) !== null;
      } catch {
        return false;
      }
    },
    "PostgreSQL to be up",
    60_000,
  );
  return url;
}

/** How each proxy is started. */
const proxies = {
  nginx: {
    documented: "nginx-three-nodes.conf",
    adapt(text, { folder, port }) {
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (kind) => `${kind}_temp_path ${folder}/${kind};`,
      );
      return text
        .replace("listen 8081;", `listen 127.0.0.1:${port} backlog=4096;`)
        .replace("worker_connections 20000;", "worker_connections 30000;")
        .replace("http {", `http { access_log off; ${temporary.join(" ")}`);
    },
    command(file, folder) {
      // Several processes, since each stream needs two descriptors of one.
      const user = process.getuid() === 0 ? " user root;" : "";
      const globals = `daemon off; worker_processes 4; pid ${folder}/pid;${user}`;
      return ["/usr/sbin/nginx", "-p", folder, "-e", "stderr", "-c", file, "-g", globals];
    },
  },
  haproxy: {
    documented: "haproxy-three-nodes.cfg",
    adapt: (text, { port, descriptors }) =>
      text.replace("bind :8081", `bind 127.0.0.1:${port}`).replace("maxconn 20000", `maxconn ${descriptors}`),
    command: (file) => ["/usr/sbin/haproxy", "-db", "-q", "-f", file],
    ending: "SIGKILL", // at SIGTERM it ends with a code, which would count as a failure
  },
  caddy: {
    documented: "Caddyfile-three-nodes",
    adapt: (text, { port }) =>
      `{\n\tadmin off\n\tlog {\n\t\tlevel ERROR\n\t}\n}\n${text.replace(":8081 {", `http://127.0.0.1:${port} {`)}`,
    command: (file) => ["/usr/bin/caddy", "run", "--config", file, "--adapter", "caddyfile"],
  },
};

async function startProxy(programs, parent, upstreams, kind) {
  const { documented, adapt, command, ending = "SIGTERM" } = proxies[kind];
  const port = await freePort();
  const folder = mkdtempSync(join(parent, "proxy-"));
  const file = join(folder, documented);
  const text = readFileSync(join(root, "docs/deploy", documented), "utf8").replaceAll(
    /10\.0\.0\.([123]):8080/g,
    (_, number) => `127.0.0.1:${upstreams[number - 1]}`,
  );
  writeFileSync(file, adapt(text, { folder, port, descriptors: kStreamsPerProxy + 200 }));
  const [program, ...args] = command(file, folder);
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  programs.start(program, args, { ending, env });
  const origin = `http://127.0.0.1:${port}`;
  const isUp = () =>
    fetch(`${origin}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(isUp, `${kind} to be up`);
  return origin;
}

async function startServer(programs, port, store, drain) {
  const options = ["--host", "127.0.0.1", "--port", port, "--insecure", "--store", store, "--drain", drain];
  const server = programs.start(millraceProgram(), ["serve", ...options.map(String)], {
    env: withoutOptions(process.env),
  });
  await until(
    () =>
      fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    "it to be ready",
    60_000,
  );
  return server;
}

function post(url, body) {
  return new Promise((resolve) => {
    const sent = request(url, { method: "POST", agent: false }, (response) =>
      response.resume().on("end", () => resolve(response.statusCode)),
    );
    sent.on("error", () => resolve(0)).end(body);
  });
}

/** Restarts each of three servers under `count` streams. Returns what the streams have seen, and the times. */
export async function rollingRestart({ count, proxy = "nginx", drain = 2, say = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-rolling-"));
  chmodSync(folder, 0o755); // PostgreSQL's user has to pass
  const programs = new Programs();
  const streams = [];
  let isPublishing = true;
  try {
    const store = await startPostgres(programs, folder);
    const ports = [await freePort(), await freePort(), await freePort()];
    const servers = [];
    for (const port of ports) servers.push(await startServer(programs, port, store, drain));
    const origins = [];
    while (origins.length * kStreamsPerProxy < count) {
      origins.push(await startProxy(programs, folder, ports, proxy));
    }
    const url = (index) => `${origins[index % origins.length]}/events?topic=numbers&cursor=id`;
    for (let begun = 0; begun < count; ) {
      const next = Math.min(count, begun + 500);
      while (streams.length < next) streams.push(new Stream(url(streams.length)));
      await until(() => streams.every(({ isOpen }) => isOpen), "the streams to be open", kPatience);
      begun = next;
    }
    say(`${count} streams are open`);

    let published = 0;
    const publishing = (async () => {
      while (isPublishing) {
        // Again until it is accepted, under an ID of its own: it is published once.
        const body = JSON.stringify({ topic: "numbers", id: `n${published}`, data: `${published}` });
        if ((await post(`${origins[0]}/events`, body)) === 200) ++published;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const areLive = (from) => streams.every(({ isOpen, received }) => isOpen && received > from);
    await until(() => areLive(10), "the first events", kPatience);

    const seconds = [];
    for (const [index, port] of ports.entries()) {
      const begin = performance.now();
      servers[index].kill("SIGTERM");
      const code = await within(servers[index].exited, "a server to drain", 1000 * drain + 60_000);
      if (code !== 0) throw new Error(`the server ended with ${code}`);
      servers[index] = await startServer(programs, port, store, drain);
      const up = published;
      await until(() => areLive(up), "all streams to be live again", kPatience);
      seconds.push((performance.now() - begin) / 1000);
      say(`server ${index + 1} restarted; all streams live after ${seconds.at(-1).toFixed(1)} s`);
    }
    isPublishing = false;
    await publishing;
    await until(() => streams.every(({ received }) => received === published), "the last event", kPatience);
    return { published, seconds, faults: streams.flatMap(({ faults }) => faults) };
  } finally {
    isPublishing = false;
    for (const stream of streams) stream.close();
    await programs.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
