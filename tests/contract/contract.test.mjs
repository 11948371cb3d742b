// The contract, held against both clients: the native one and the npm package, each as a service of its own. What comes
// after a connection is lost is in reconnecting.test.mjs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { within } from "../support/until.mjs";
import { StreamServer, withEachService } from "./harness.mjs";

/** What comes of a stream: [its bytes, the events]; an event is its data, or [type, data, id]. */
const streams = {
  "a line": ["data: Hello\n\n", ["Hello"]],
  "two lines": ["data: Hello\ndata:World\n\n", ["Hello\nWorld"]],
  "two events": ["data: Hello\n\ndata: World\n\n", ["Hello", "World"]],
  "empty data": ["data:\n\n", [""]],
  "a field without a colon": ["data\n\ndata\ndata\n\n", ["", "\n"]],
  "a type": ["event: greeting\ndata: Hello\n\ndata: World\n\n", [["greeting", "Hello", ""], "World"]],
  "an empty type": ["event: x\nevent:\ndata: Hello\n\n", ["Hello"]],
  "a type without data": ["event: x\n\ndata: Hello\n\n", ["Hello"]],
  "more than one space": ["event:  greeting\ndata:  Hello\n\n", [[" greeting", " Hello", ""]]],
  "fields in reverse": ["data: Hello\nid: abc\nevent: greeting\n\n", [["greeting", "Hello", "abc"]]],
  "unknown fields": ["color: blue\nDATA: no\n data: no\ndata: Hello\n\n", ["Hello"]],
  "an ID that lives on": ["id: 1\ndata: a\n\ndata: b\n\n", [["message", "a", "1"], ["message", "b", "1"]]],
  "an ID that is cleared": ["id: 1\ndata: a\n\nid\ndata: b\n\n", [["message", "a", "1"], "b"]],
  "an ID without data": ["id: 1\n\ndata: b\n\n", [["message", "b", "1"]]],
  "an ID with a NUL": ["id: a\0bc\ndata: Hello\n\n", ["Hello"]],
  "other alphabets": ["data: €豆腐 ✨\n\n", ["€豆腐 ✨"]],
  "bytes that are no text": [Buffer.from("data: a\xffb\n\n", "latin1"), ["a\ufffdb"]],
  "a byte order mark": ["\ufeffdata: Hello\n\n", ["Hello"]],
  "two byte order marks": ["\ufeff\ufeffdata: no\n\ndata: Hello\n\n", ["Hello"]],
  "line feeds": ["data: a\ndata: b\n\ndata: c\n\n", ["a\nb", "c"]],
  "carriage returns": ["data: a\rdata: b\r\rdata: c\r\r", ["a\nb", "c"]],
  "both, in pairs": ["data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", ["a\nb", "c"]],
  "line ends of all kinds": ["data: a\rdata: b\ndata: c\r\n\ndata: d\r\r\ndata: e\n\r", ["a\nb\nc", "d", "e"]],
};

const asEvent = (event) => {
  const [type, data, id] = typeof event === "string" ? ["message", event, ""] : event;
  return { type, data, id };
};

withEachService(({ running, start, connected }) => {
  // --- The service ---

  test("says what the client can do", async () => {
    const { capabilities } = await (await running.service.ask("GET", "/")).json();
    assert.deepEqual(capabilities.toSorted(), [
      "bom",
      "comments",
      "empty-or-missing-location",
      "headers",
      "last-event-id",
      "payload-size-stress-testable",
      "post",
      "read-timeout",
      "report",
      "restart",
      "server-directed-shutdown-request",
    ]);
  });

  test("refuses what it cannot do", async (context) => {
    const { client } = await connected(context);
    const callbackUrl = "http://127.0.0.1:1/";
    for (const parameters of [
      "{",
      [],
      { callbackUrl },
      { streamUrl: "http://127.0.0.1:1/" },
      { streamUrl: "nowhere", callbackUrl },
      { streamUrl: "http://127.0.0.1:1/", callbackUrl, headers: { "bad name": "x" } },
      { streamUrl: "http://127.0.0.1:1/", callbackUrl, headers: 1 },
      { streamUrl: "http://127.0.0.1:1/", callbackUrl, readTimeoutMs: "soon" },
    ]) {
      assert.equal((await running.service.ask("POST", "/", parameters)).status, 400, JSON.stringify(parameters));
    }
    assert.equal((await client.command({ command: "dance" })).status, 400);
    assert.equal((await client.command({ command: "listen", listen: { type: "x" } })).ok, true);
    assert.equal((await running.service.ask("POST", "/streams/987654", { command: "restart" })).status, 404);
    assert.equal((await running.service.ask("DELETE", "/streams/987654")).status, 404);
  });

  test("takes null for what is not said", async (context) => {
    const nothing = { initialDelayMs: null, readTimeoutMs: null, lastEventId: null, headers: null, method: null, body: null };
    const server = await StreamServer.start(context);
    const client = await start(context, { streamUrl: server.url, ...nothing });
    const request = await server.request();
    assert.equal(request.method, "GET");
    assert.equal(request.headers["last-event-id"], undefined);
    await request.open().send("data: Hello\n\n");
    assert.equal((await client.event()).data, "Hello");
  });

  test("answers whole, so that connections can be used again", async (context) => {
    const { client } = await connected(context);
    for (const answer of [client.created, await client.command({ command: "restart" })]) {
      assert.equal(answer.headers.get("content-length"), "0");
    }
  });

  test("continues if its reports are no longer accepted", async (context) => {
    const { client, stream } = await connected(context);
    client.refuseReports();
    await stream.send("data: unheard\n\n");
    await client.refused;
    assert.equal((await client.stop()).status, 204);
    await stream.closed;
    const next = await connected(context);
    await next.stream.send("data: Hello\n\n");
    assert.equal((await next.client.event()).data, "Hello");
  });

  test("minds no query", async (context) => {
    assert.equal((await running.service.ask("GET", "/?verbose=1")).status, 200);
    const { client, stream } = await connected(context);
    client.url.search = "?reason=test";
    assert.equal((await client.command({ command: "restart" })).status, 202);
    await stream.closed;
    assert.equal((await client.stop()).status, 204);
  });

  test("takes an empty string for what is not said", async (context) => {
    const server = await StreamServer.start(context);
    const client = await start(context, { streamUrl: server.url, lastEventId: "", method: "", body: "" });
    const request = await server.request();
    assert.equal(request.method, "GET");
    assert.equal(request.headers["last-event-id"], undefined);
    await request.open().send("data: Hello\n\n");
    assert.equal((await client.event()).data, "Hello");
  });

  test("closes a client if its server, or the receiver of its reports, does not answer", async (context) => {
    const server = await StreamServer.start(context);
    const connecting = await start(context, { streamUrl: server.url });
    await server.request();
    assert.equal((await connecting.stop()).status, 204);

    const { client, stream } = await connected(context);
    client.holdReports();
    await stream.send("data: unanswered\n\n");
    await client.held;
    // Long before a client gives its report up.
    assert.equal((await within(client.stop(), "the answer to DELETE")).status, 204);
    await within(stream.closed, "the end of the client's stream");
  });

  test("closes the client that is deleted", async (context) => {
    const { client, stream } = await connected(context);
    assert.equal((await client.stop()).status, 204);
    await stream.closed;
    assert.equal((await client.stop()).status, 404);
  });

  // --- The format ---

  for (const [what, [bytes, events]] of Object.entries(streams)) {
    test(`reads ${what}, whole and in single bytes`, async (context) => {
      const { client, stream } = await connected(context);
      await stream.send(bytes);
      // After a carriage return a line feed may come, which would belong to it: the next event must not wait for it.
      for (const event of events) assert.deepEqual(await client.event(), asEvent(event));
      stream.end();

      const again = await connected(context);
      for (const byte of Buffer.from(bytes)) await again.stream.send(Buffer.of(byte));
      for (const event of events) assert.deepEqual(await again.client.event(), asEvent(event));
    });
  }

  test("reads a stream split anywhere", async (context) => {
    const bytes = Buffer.from("\ufeff:c\r\nid: 1\rdata: é\r\n\r\ndata: b\n\n");
    for (let at = 0; at <= bytes.length; at += 1) {
      const { client, stream } = await connected(context);
      await stream.send(bytes.subarray(0, at));
      await stream.send(bytes.subarray(at));
      assert.deepEqual(await client.message(), { kind: "comment", comment: "c" }, `split at ${at}`);
      assert.deepEqual(await client.event(), { type: "message", data: "é", id: "1" }, `split at ${at}`);
      assert.deepEqual(await client.event(), { type: "message", data: "b", id: "1" }, `split at ${at}`);
    }
  });

  test("reports comments at once, in their place", async (context) => {
    const { client, stream } = await connected(context);
    await stream.send(":one\n");
    assert.deepEqual(await client.message(), { kind: "comment", comment: "one" });
    await stream.send(": two\ndata: Hello\n:three\n\n");
    assert.equal((await client.message()).kind, "comment");
    assert.deepEqual(await client.message(), { kind: "comment", comment: "three" });
    assert.equal((await client.event()).data, "Hello");
  });

  test("reports a comment after a byte order mark", async (context) => {
    const { client, stream } = await connected(context);
    await stream.send("\ufeff:one\ndata: \ufeffHello\n\n");
    assert.deepEqual(await client.message(), { kind: "comment", comment: "one" });
    assert.equal((await client.event()).data, "\ufeffHello");
  });

  for (const size of [1, 1023, 1024, 1025, 4095, 4096, 8192, 16_384, 65_536, 1_048_576, 10_485_760]) {
    test(`reads an event of ${size} bytes`, async (context) => {
      const { client, stream } = await connected(context);
      await stream.send(`data: ${"x".repeat(size)}\n\n`);
      assert.equal((await client.event()).data.length, size);
    });
  }

  test("keeps the order of many events", async (context) => {
    const { client, stream } = await connected(context);
    await stream.send(Array.from({ length: 500 }, (_, n) => `data: ${n}\n\n`).join(""));
    for (let n = 0; n < 500; n += 1) assert.equal((await client.event()).data, String(n));
  });

  // --- The request ---

  test("asks as the standard has it", async (context) => {
    const server = await StreamServer.start(context);
    await start(context, { streamUrl: server.url });
    const request = await server.request();
    assert.equal(request.method, "GET");
    assert.equal(request.headers.accept, "text/event-stream");
    assert.equal(request.headers["cache-control"], "no-cache");
    assert.equal(request.headers["last-event-id"], undefined);
    assert.equal(request.body, "");
  });

  test("sends headers and the ID to begin with", async (context) => {
    const server = await StreamServer.start(context);
    await start(context, { streamUrl: server.url, headers: { "x-one": "1", authorization: "Bearer x" }, lastEventId: "é7" });
    const { headers } = await server.request();
    assert.equal(headers["x-one"], "1");
    assert.equal(headers.authorization, "Bearer x");
    assert.equal(Buffer.from(headers["last-event-id"], "latin1").toString(), "é7");
  });

  for (const method of ["POST", "REPORT"]) {
    test(`sends a ${method} with its body, and again when it reconnects`, async (context) => {
      const server = await StreamServer.start(context);
      const body = '{"hello": "wörld"}';
      const headers = { "content-type": "application/json; charset=utf-8" };
      await start(context, { streamUrl: server.url, initialDelayMs: 0, method, body, headers });
      for (let n = 0; n < 2; n += 1) {
        const request = await server.request();
        assert.equal(request.method, method);
        assert.equal(request.body, body);
        assert.equal(request.headers["content-type"], headers["content-type"]);
        request.open().break();
      }
    });
  }

  for (const status of [301, 302, 303, 307, 308]) {
    test(`follows a ${status}, and comes back to where it began`, async (context) => {
      const server = await StreamServer.start(context);
      const client = await start(context, { streamUrl: server.url, initialDelayMs: 0 });
      for (let n = 0; n < 2; n += 1) {
        const first = await server.request();
        assert.equal(first.path, "/stream");
        first.answer(status, { Location: "/elsewhere" });
        const second = await server.request();
        assert.equal(second.path, "/elsewhere");
        await second.open().send("data: Hello\n\n");
        assert.equal((await client.nextOf("event")).event.data, "Hello");
        second.end();
      }
    });

    test(`reports a ${status} that leads nowhere`, async (context) => {
      for (const headers of [{}, { Location: "" }]) {
        const server = await StreamServer.start(context);
        const client = await start(context, { streamUrl: server.url });
        const answering = (async () => {
          for (;;) (await server.request()).answer(status, headers);
        })();
        answering.catch(() => {}); // there is no further request: that is the point
        assert.equal((await client.message()).kind, "error");
      }
    });
  }

  // Last: the service is gone afterwards.
  test("exits on command", async () => {
    assert.equal((await running.service.ask("DELETE", "/")).ok, true);
    assert.equal(await running.service.exited, 0);
  });
});
