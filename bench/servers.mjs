// The servers under test: how each is started, and how the load generator speaks to it.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve as resolvePath } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../tests/support/free-port.mjs";

const bin = "build/release/bin";
const plainPaths = ["--subscribe-path", "/sub/{topic}", "--publish-path", "/pub/{topic}", "--raw-body"];
const http2 = ["--insecure-tls", "--http2", "--streams-each", 100];

// `how` continues its `listen`, and may be followed by more directives.
const nginxConfiguration = (folder, port, how) => `
daemon off;
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
worker_processes 2;
worker_rlimit_nofile 65536;
pid ${folder}/pid;
error_log ${folder}/error.log crit;
events { worker_connections 32768; multi_accept on; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  nchan_max_reserved_memory 512M;
  server {
    listen 127.0.0.1:${port} backlog=4096 ${how};
    location ~ ^/sub/(.*)$ {
      nchan_subscriber eventsource;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }
    location ~ ^/pub/(.*)$ {
      nchan_publisher;
      nchan_channel_id $1;
      nchan_message_buffer_length 2000;
      nchan_message_timeout 5m;
    }
  }
}
`;

/** Those the scenarios name. `command` gets the number of subscribers; nginx has `nginx` instead, how it listens. */
export const servers = {
  ceiling: {
    title: "ceiling: a bare `send()` loop",
    command: () => [`${bin}/millrace_bench_ceiling`],
    load: plainPaths,
  },
  millrace: { title: "**Millrace**", command: () => [`${bin}/millrace_bench_millrace`], load: [] },
  millrace_gzip: {
    title: "**Millrace**, gzip",
    command: () => [`${bin}/millrace_bench_millrace`],
    load: ["--gzip"],
  },
  millrace_conflated: {
    title: "**Millrace**, conflated to 250 ms",
    command: () => [`${bin}/millrace_bench_millrace`],
    load: ["--conflate", 250],
  },
  millrace_tls: {
    title: "**Millrace**, TLS",
    scheme: "https",
    command: () => [`${bin}/millrace_bench_millrace`, "--tls", ...certificate()],
    load: ["--insecure-tls"],
  },
  millrace_tls_resumed: {
    title: "**Millrace**, TLS, sessions resumed",
    scheme: "https",
    command: () => [`${bin}/millrace_bench_millrace`, "--tls", ...certificate()],
    load: ["--insecure-tls", "--resume-tls"],
  },
  millrace_tls_handshakes: {
    title: "**Millrace**, TLS, 2,000 handshakes/s beside",
    scheme: "https",
    command: () => [`${bin}/millrace_bench_millrace`, "--tls", ...certificate()],
    load: ["--insecure-tls", "--handshakes", 2000],
  },
  millrace_http2: {
    title: "**Millrace**, HTTP/2 and TLS",
    scheme: "https",
    command: () => [`${bin}/millrace_bench_millrace`, "--tls", ...certificate()],
    load: http2,
  },
  millrace_by_workers: {
    title: "**Millrace**, by workers",
    command: () => [`${bin}/millrace_bench_millrace`, "--by-workers"],
    load: [],
  },
  millrace_sqlite: {
    title: "**Millrace**, SQLite",
    command: () => [`${bin}/millrace_bench_millrace`, "--sqlite", join(newFolder(), "events.db")],
    load: [],
  },
  millrace_files: {
    title: "**Millrace**, files",
    command: () => [`${bin}/millrace_bench_millrace`, "--files", newFolder()],
    load: [],
  },
  millrace_strangers: {
    title: "**Millrace**, 256,000 patterns",
    command: () => [`${bin}/millrace_bench_millrace`],
    load: ["--strangers", 4000],
  },
  millrace_replays: {
    title: "**Millrace**, 20 replays",
    command: () => [`${bin}/millrace_bench_millrace`],
    load: ["--replays", 20],
  },
  nchan: { title: "nginx + nchan", nginx: () => "", load: plainPaths },
  nchan_http2: {
    title: "nginx + nchan, HTTP/2 and TLS",
    scheme: "https",
    nginx: () => {
      const [chain, key] = certificate();
      return `ssl http2; ssl_certificate ${chain}; ssl_certificate_key ${key}; http2_max_concurrent_streams 1000`;
    },
    load: [...plainPaths, ...http2],
  },
  better_sse: {
    title: "better-sse on Node.js",
    command: () => ["node", "bench/peers/better_sse.mjs"],
    load: plainPaths,
  },
  thread_per_stream: {
    title: "cpp-httplib, a thread a stream",
    command: (subscribers) => [`${bin}/millrace_bench_thread_per_stream`, String(subscribers)],
    // Its backlog holds 5 connections.
    load: [...plainPaths, "--connect-window", 4],
  },
};

const folders = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder on the disk of the working directory, removed in the end. */
function newFolder() {
  folders.push(mkdtempSync(resolvePath("build/bench-store-")));
  return folders.at(-1);
}

/** Files of a certificate for 127.0.0.1, P-256, and of its key; made once. */
function certificate() {
  const folder = join(tmpdir(), `millrace-bench-tls-${process.pid}`);
  const files = [join(folder, "cert.pem"), join(folder, "key.pem")];
  if (mkdirSync(folder, { recursive: true }) === undefined) return files;
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
  const names = ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...kind, ...names, "-out", files[0], "-keyout", files[1]], { stdio: "ignore" });
  return files;
}

async function startNginx(how) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  mkdirSync(join(folder, "body"));
  const port = await freePort();
  writeFileSync(join(folder, "nginx.conf"), nginxConfiguration(folder, port, how));
  const child = spawn("nginx", ["-c", join(folder, "nginx.conf"), "-p", folder], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = endOf(child);
  // nginx says nothing when it is ready.
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline && child.exitCode === null) {
    if (await accepts(port)) return { port, pid: child.pid, stop: () => stop(child, ended, folder) };
  }
  const said = child.stderr.read() ?? "";
  await stop(child, ended, folder);
  throw new Error(`nginx does not start: ${said || (await ended)}`);
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

// Why the process has ended, or could not begin.
function endOf(child) {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(`exit ${code ?? signal}`));
    child.once("error", (error) => resolve(error.message));
  });
}

async function stop(child, ended, folder) {
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(kill);
  if (folder) rmSync(folder, { recursive: true, force: true });
}

/** Starts a server; gives its `port`, its `pid`, and `stop()`. */
export async function start(name, subscribers) {
  if (servers[name].nginx !== undefined) return startNginx(servers[name].nginx());
  const [command, ...args] = servers[name].command(subscribers);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = endOf(child);
  const lines = createInterface({ input: child.stdout });
  const port = await Promise.race([
    new Promise((resolve) => lines.once("line", (line) => resolve(Number(line.split(" ").at(-1))))),
    ended.then((reason) => {
      throw new Error(`${command} does not start: ${reason}`);
    }),
  ]);
  return { port, pid: child.pid, stop: () => stop(child, ended) };
}
