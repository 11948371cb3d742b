// The npm package's connect(), on the fetch transport, as a service for a contract test harness. README.md has the
// interface.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { connect } from "millrace";

const capabilities = [
  "bom",
  "comments",
  "empty-or-missing-location",
  "headers",
  "last-event-id",
  "payload-size-stress-testable",
  "post",
  "report",
  "read-timeout",
  "restart",
  "server-directed-shutdown-request",
];

/** What is wrong with a request. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function parameter(object, name, type, required = false) {
  const value = object[name] ?? undefined;
  if (value === undefined && required) throw new Refusal(400, `${name}: is missing`);
  // biome-ignore lint/suspicious/useValidTypeof: the type is one of the callers' literals
  if (value !== undefined && typeof value !== type) throw new Refusal(400, `${name}: must be a ${type}`);
  return value;
}

/** Posts one message after the other. */
class Reporter {
  #posted = Promise.resolve();
  #number = 0;
  #url;

  constructor(url) {
    this.#url = new URL(url).href.replace(/\/+$/, "");
  }

  report(message) {
    this.#number += 1;
    const url = `${this.#url}/${this.#number}`;
    const headers = { "Content-Type": "application/json" };
    this.#posted = this.#posted
      .then(() => fetch(url, { method: "POST", headers, body: JSON.stringify(message) }))
      .then((response) => response.arrayBuffer())
      .catch((error) => console.error(`contract service: cannot post to ${url}: ${error.cause ?? error}`));
  }
}

function start(parameters) {
  const reporter = new Reporter(parameter(parameters, "callbackUrl", "string", true));
  const base = parameter(parameters, "initialDelayMs", "number");
  const connection = connect(parameter(parameters, "streamUrl", "string", true), {
    transport: "fetch",
    method: parameter(parameters, "method", "string") || undefined,
    headers: new Headers(parameter(parameters, "headers", "object")),
    body: parameter(parameters, "body", "string") || undefined,
    lastEventId: parameter(parameters, "lastEventId", "string"),
    idleTimeout: parameter(parameters, "readTimeoutMs", "number"),
    reconnect: parameter(parameters, "reconnect", "string") || "always",
    dropReplays: false,
    retry: base === undefined ? {} : { base },
    onComment: (comment) => reporter.report({ kind: "comment", comment }),
  });
  // Behind the events that came before it and have not been iterated over yet.
  connection.addEventListener("error", ({ message }) => {
    setImmediate(() => reporter.report({ kind: "error", comment: message }));
  });
  (async () => {
    for await (const { type, data, lastEventId } of connection) {
      reporter.report({ kind: "event", event: { type, data, id: lastEventId } });
    }
  })().catch(() => {}); // it has been reported as an error
  return connection;
}

const streams = new Map();
let last = 0;

function streamAt(path) {
  const stream = streams.get(path);
  if (!stream) throw new Refusal(404, "there is no such stream");
  return stream;
}

function answer(method, path, body) {
  const object = () => {
    const json = JSON.parse(body);
    if (json === null || typeof json !== "object" || Array.isArray(json)) throw new Refusal(400, "body: must be an object");
    return json;
  };
  if (path === "/") {
    if (method === "GET") return [200, {}, JSON.stringify({ name: "millrace-npm", capabilities })];
    if (method === "DELETE") return [204];
    if (method !== "POST") throw new Refusal(405, "GET, POST or DELETE");
    const connection = start(object());
    last += 1;
    streams.set(`/streams/${last}`, connection);
    return [201, { Location: `/streams/${last}` }];
  }
  const stream = streamAt(path);
  if (method === "DELETE") {
    stream.close();
    streams.delete(path);
    return [204];
  }
  const { command } = object();
  if (command === "restart") stream.restart();
  // The iteration hears every type: there is nothing to prepare.
  else if (command !== "listen") throw new Refusal(400, `command: "${command}" is unknown; expected listen or restart`);
  return [202];
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const path = request.url.replace(/\?.*$/, "");
    let [status, headers = {}, body = ""] = [];
    try {
      [status, headers = {}, body = ""] = answer(request.method, path, Buffer.concat(chunks).toString());
    } catch (error) {
      // What the parameters' own constructors throw is about the parameters.
      status = error instanceof Refusal ? error.status : 400;
      body = JSON.stringify({ error: error.message });
    }
    // With its length: a client that does not read the answer can then use the connection again.
    response.writeHead(status, {
      ...headers,
      ...(status === 204 ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }),
    });
    response.end(body, () => {
      if (request.method === "DELETE" && path === "/") process.exit(0);
    });
  });
});

const { port } = parseArgs({ options: { port: { type: "string", default: "8223" } } }).values;
server.listen(Number(port), "127.0.0.1", () => {
  console.log(`contract service: listening on http://127.0.0.1:${server.address().port}`);
});
