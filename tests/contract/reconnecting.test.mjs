// The contract, held against both clients: what they do when a connection is lost, refused or silent.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { StreamServer, withEachService } from "./harness.mjs";

withEachService(({ start, connected }) => {
  // --- Coming back ---

  test("comes back from a reset and from an end, from the last ID", async (context) => {
    let { server, client, stream } = await connected(context);
    await stream.send("id: 1\ndata: a\n\ndata: b\n\nid: never\ndata: incomplete");
    assert.deepEqual(await client.event(), { type: "message", data: "a", id: "1" });
    assert.deepEqual(await client.event(), { type: "message", data: "b", id: "1" });
    for (const how of ["break", "end"]) {
      stream[how]();
      assert.equal((await client.message()).kind, "error");
      stream = await server.request();
      assert.equal(stream.headers["last-event-id"], "1");
      await stream.open().send("data: again\n\n");
      assert.deepEqual(await client.event(), { type: "message", data: "again", id: "1" });
    }
    await stream.send("id\ndata: cleared\n\n");
    assert.deepEqual(await client.event(), { type: "message", data: "cleared", id: "" });
    stream.end();
    assert.equal((await server.request()).headers["last-event-id"], undefined);
  });

  test("reconnects at once, again and again, if the reconnection time is 0 ms", async (context) => {
    let { server, client, stream } = await connected(context);
    for (let n = 0; n < 3; n += 1) {
      await stream.send(`data: ${n}\n\n`);
      assert.equal((await client.event()).data, String(n));
      const ended = performance.now();
      stream.break();
      assert.equal((await client.message()).kind, "error");
      stream = await server.request();
      assert.ok(stream.at - ended < 5_000, `${stream.at - ended} ms`); // what other harnesses wait
      stream.open();
    }
  });

  test("waits before it reconnects: first as configured, then as the server says", async (context) => {
    let { server, stream } = await connected(context, { initialDelayMs: 200 });
    let ended = performance.now();
    stream.end();
    stream = await server.request();
    assert.ok(stream.at - ended >= 195, `${stream.at - ended} ms`);
    await stream.open().send("retry: 400\n\n");
    ended = performance.now();
    stream.end();
    stream = await server.request();
    assert.ok(stream.at - ended >= 395, `${stream.at - ended} ms`);
  });

  test("stops at 204", async (context) => {
    const { server, client, stream } = await connected(context);
    stream.end();
    assert.equal((await client.message()).kind, "error");
    (await server.request()).answer(204);
    assert.equal((await client.message()).kind, "error");
    assert.equal(server.unanswered, 0);
  });

  for (const status of [400, 401, 403, 404, 410]) {
    test(`stops at ${status}, and says so`, async (context) => {
      const server = await StreamServer.start(context);
      const client = await start(context, { streamUrl: server.url, initialDelayMs: 0 });
      (await server.request()).answer(status, { "Content-Type": "text/event-stream" }, "data: no\n\n");
      const message = await client.message();
      assert.equal(message.kind, "error");
      assert.match(message.comment, new RegExp(status));
      assert.equal(server.unanswered, 0);
    });
  }

  for (const status of [408, 425, 429, 500, 502, 503, 504, 520, 530]) {
    test(`comes back after ${status}`, async (context) => {
      const server = await StreamServer.start(context);
      const client = await start(context, { streamUrl: server.url, initialDelayMs: 0 });
      (await server.request()).answer(status, { "Content-Type": "text/plain" }, "later");
      assert.equal((await client.message()).kind, "error");
      await (await server.request()).open().send("data: Hello\n\n");
      assert.equal((await client.event()).data, "Hello");
    });
  }

  test("stops at what is no event stream", async (context) => {
    const server = await StreamServer.start(context);
    const client = await start(context, { streamUrl: server.url, initialDelayMs: 0 });
    (await server.request()).answer(200, { "Content-Type": "text/html" }, "data: no\n\n");
    assert.equal((await client.message()).kind, "error");
    assert.equal(server.unanswered, 0);
  });

  const contentTypes = new URL("../fixtures/responses/content-types.json", import.meta.url);
  for (const { name, fields, stream } of JSON.parse(readFileSync(contentTypes, "utf8")).cases) {
    test(`${stream ? "reads" : "refuses"} a response by its Content-Type: ${name}`, async (context) => {
      const server = await StreamServer.start(context);
      const client = await start(context, { streamUrl: server.url, initialDelayMs: 0 });
      const { response } = await server.request();
      response.writeHead(200, fields.flatMap((field) => ["Content-Type", field])).write("data: Hello\n\n");
      assert.equal((await client.message()).kind, stream ? "event" : "error");
    });
  }

  // --- What is sent again ---

  const losses = {
    "is broken before its head": (request) => request.break(),
    "is answered 503": (request) => request.answer(503),
    "is broken before an ID": async (request) => {
      await request.open().send("data: Hello\n\n");
      request.break();
    },
    "is broken behind an ID": async (request) => {
      await request.open().send("id: 7\ndata: Hello\n\n");
      request.break();
    },
    "ends without an ID": async (request) => {
      await request.open().send("data: Hello\n\n");
      request.end();
    },
    "ends behind an ID": async (request) => {
      await request.open().send("id: 7\ndata: Hello\n\n");
      request.end();
    },
  };
  for (const [what, lose] of Object.entries(losses)) {
    for (const [reconnect, method] of [["never", "GET"], ["idempotent", "PUT"], ["idempotent", "POST"], ["always", "POST"]]) {
      const again = method === "PUT" || (reconnect === "always" && what !== "ends without an ID");
      test(`sends a ${method} ${again ? "again" : "no more"} that ${what}: ${reconnect}`, async (context) => {
        const server = await StreamServer.start(context);
        const client = await start(context, { streamUrl: server.url, initialDelayMs: 0, reconnect, method });
        await lose(await server.request());
        await client.nextOf("error");
        if (again) return server.request();
        // Nothing is on its way any more: what else is asked for comes first.
        await start(context, { streamUrl: `${server.url}/other` });
        assert.equal((await server.request()).path, "/stream/other");
      });
    }
  }

  test("goes on giving up connections that have gone silent", async (context) => {
    let { server, client, stream } = await connected(context, { readTimeoutMs: 1000 });
    for (let n = 0; n < 2; n += 1) {
      assert.equal((await client.message()).kind, "error");
      stream = await server.request();
      await stream.open().send("data: Hello\n\n");
      assert.equal((await client.event()).data, "Hello");
    }
  });

  test("gives up a connection that has gone silent", async (context) => {
    const { server, client, stream } = await connected(context, { readTimeoutMs: 1000 });
    await stream.send("id: 1\ndata: Hello\n\n");
    assert.equal((await client.event()).data, "Hello");
    assert.equal((await client.message()).kind, "error");
    await stream.closed;
    assert.equal((await server.request()).headers["last-event-id"], "1");
  });

  test("restarts on command, without an error", async (context) => {
    let { server, client, stream } = await connected(context, { initialDelayMs: 3_600_000 });
    await stream.send("id: 1\ndata: Hello\n\n");
    assert.equal((await client.event()).data, "Hello");
    for (let n = 0; n < 3; n += 1) {
      assert.equal((await client.command({ command: "restart" })).ok, true);
      await stream.closed;
      stream = await server.request();
      assert.equal(stream.headers["last-event-id"], "1");
      await stream.open().send("data: Thanks\n\n");
      assert.equal((await client.event()).data, "Thanks");
    }
  });
});
