// What the contract tests stand on: services that run a client, and streams for those clients to read.

import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe } from "node:test";
import { fileURLToPath } from "node:url";
import { millraceProgram } from "../support/millrace-server.mjs";
import { within } from "../support/until.mjs";

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

/** Things that come one by one, and are asked for one by one. */
class Arrivals {
  #come = [];
  #asked = [];

  add(thing) {
    const asker = this.#asked.shift();
    if (asker) asker(thing);
    else this.#come.push(thing);
  }

  next(what) {
    if (this.#come.length > 0) return Promise.resolve(this.#come.shift());
    return within(new Promise((resolve) => this.#asked.push(resolve)), what);
  }

  get waiting() {
    return this.#come.length;
  }
}

/** A service's process, at an address. */
export class Service {
  static async start(command, ...options) {
    const child = spawn(command, [...options, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)));
    const line = await within(
      new Promise((resolve, reject) => {
        child.on("error", reject);
        createInterface({ input: child.stdout }).on("line", resolve);
      }),
      `${command} to say where it listens`,
    );
    return new Service(child, exited, /http:\S+/.exec(line)[0]);
  }

  constructor(child, exited, url) {
    Object.assign(this, { child, exited, url });
  }

  /** `body`: a string, or what is sent as JSON. */
  ask(method, path, body) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return fetch(new URL(path, this.url), { method, body: text ?? null });
  }

  kill() {
    this.child.kill("SIGKILL");
  }
}

/** A server of streams: each request waits to be taken by the test, which then answers it piece by piece. */
export class StreamServer {
  #requests = new Arrivals();
  #server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => this.#requests.add(new StreamRequest(request, Buffer.concat(chunks), response)));
  });

  static async start(context) {
    const server = new StreamServer();
    await listening(server.#server);
    context.after(() => {
      server.#server.closeAllConnections();
      server.#server.close();
    });
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}/stream`;
  }

  request() {
    return this.#requests.next("a request for the stream");
  }

  get unanswered() {
    return this.#requests.waiting;
  }
}

class StreamRequest {
  constructor(request, body, response) {
    this.at = performance.now();
    this.method = request.method;
    this.headers = request.headers;
    this.path = request.url;
    this.body = body.toString();
    this.response = response;
    this.closed = new Promise((resolve) => response.on("close", resolve));
  }

  answer(status, headers = {}, body = "") {
    this.response.writeHead(status, headers).end(body);
  }

  /** Opens the stream. */
  open() {
    this.response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    this.response.flushHeaders();
    return this;
  }

  /** As a chunk of its own, once the one before has gone out. */
  send(bytes) {
    return new Promise((resolve) => this.response.write(bytes, resolve));
  }

  end() {
    this.response.end();
  }

  /** RST, in the middle of the response. */
  break() {
    this.response.socket.resetAndDestroy();
  }
}

/** A client that a service runs, and what it reports. */
export class ReportedClient {
  #messages = new Arrivals();
  #early = new Map();
  #expected = 1;
  #refuses;
  #holds;
  #server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      this.#early.set(request.url, JSON.parse(Buffer.concat(chunks)));
      for (let path = `/callback/${this.#expected}`; this.#early.has(path); path = `/callback/${this.#expected}`) {
        this.#messages.add(this.#early.get(path));
        this.#early.delete(path);
        this.#expected += 1;
      }
      if (this.#holds) return this.#holds();
      response.writeHead(this.#refuses ? 404 : 202).end();
      if (this.#refuses) this.#refuses();
    });
  });

  static async start(context, service, parameters) {
    const client = new ReportedClient();
    await listening(client.#server);
    // Before anything can fail: a server that stays open would keep the whole file from ending.
    context.after(async () => {
      try {
        await client.stop?.();
      } finally {
        client.#server.closeAllConnections();
        client.#server.close();
      }
    });
    const callbackUrl = `http://127.0.0.1:${client.#server.address().port}/callback`;
    const created = await service.ask("POST", "/", { callbackUrl, tag: context.name, ...parameters });
    if (created.status !== 201) throw new Error(`the service answered ${created.status}: ${await created.text()}`);
    client.created = created;
    client.url = new URL(created.headers.get("Location"), service.url);
    client.command = (command) => service.ask("POST", client.url, command);
    client.stop = () => service.ask("DELETE", client.url);
    return client;
  }

  /** From now on a report is answered by 404; `refused` waits for the first. */
  refuseReports() {
    this.refused = within(new Promise((resolve) => { this.#refuses = resolve; }), "a report to refuse");
  }

  /** From now on no report is answered; `held` waits for the first. */
  holdReports() {
    this.held = within(new Promise((resolve) => { this.#holds = resolve; }), "a report to hold");
  }

  message() {
    return this.#messages.next("a message of the client");
  }

  async event() {
    const message = await this.message();
    if (message.kind !== "event") throw new Error(`expected an event, got ${JSON.stringify(message)}`);
    return message.event;
  }

  /** The next one of this kind; what came before it is dropped. */
  async nextOf(kind) {
    for (;;) {
      const message = await this.message();
      if (message.kind === kind) return message;
    }
  }
}

/** `CONTRACT_SERVICE_BIN` names a program to test alone, such as the native client on another system. */
const other = process.env.CONTRACT_SERVICE_BIN;
const services = other
  ? { native: [other] }
  : {
      native: [join(dirname(realpathSync(millraceProgram())), "millrace-contract-service")],
      npm: [process.execPath, fileURLToPath(new URL("service.mjs", import.meta.url))],
    };

/**
 * Runs the tests that `define` defines with both services. It gets `running`, whose `service` they use, and two functions that make
 * a client: `start`, and `connected` for one whose stream is open.
 */
export function withEachService(define) {
  for (const [name, command] of Object.entries(services)) {
    describe(name, () => {
      const running = {};
      before(async () => {
        running.service = await Service.start(...command);
      });
      after(() => running.service.kill());

      const start = (context, parameters) => ReportedClient.start(context, running.service, parameters);
      const connected = async (context, parameters = {}) => {
        const server = await StreamServer.start(context);
        const client = await start(context, { streamUrl: server.url, initialDelayMs: 0, ...parameters });
        const stream = (await server.request()).open();
        return { server, client, stream };
      };
      define({ running, start, connected });
    });
  }
}
