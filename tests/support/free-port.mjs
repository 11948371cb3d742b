// A port for a program that is given its port, and may come back to it.

import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

const [first, last] = portsOfNobody();

/**
 * A port of 127.0.0.1 that stays this process's until it ends: the system gives none of its kind to what asks for any port,
 * server or connection, and other tests do not get it either.
 */
export async function freePort() {
  for (let tries = 0; tries < 1000; tries++) {
    const port = first + Math.floor(Math.random() * (last - first));
    if ((await claim(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no port from ${first} to ${last - 1} is free`);
}

/** The ports outside of those that the system gives away by itself. */
function portsOfNobody() {
  const range = "/proc/sys/net/ipv4/ip_local_port_range";
  const [from, to] = existsSync(range) ? readFileSync(range, "utf8").trim().split(/\s+/).map(Number) : [32_768, 65_535];
  return from > 12_000 ? [10_000, from] : [to + 1, 65_536];
}

/** Takes the port among the tests: whoever has its namesake of UDP has it, and the system gives that back in any case. */
function claim(port) {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.once("error", () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ address: "127.0.0.1", port, exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

function isFree(port) {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
