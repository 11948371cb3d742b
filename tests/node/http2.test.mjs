// Node's http2 speaks with `millrace serve`: many event streams on one connection, requests beside them, and its end.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants } from "node:http2";
import { after, before, test } from "node:test";
import { startMillrace } from "../support/millrace-server.mjs";
import { until } from "../support/until.mjs";

let server;
before(async () => {
  server = await startMillrace();
});
after(() => server.close());

/** An event stream, with what has come of it. */
function subscribe(session, topic, headers = {}) {
  const stream = session.request({ ":path": `/events?topic=${topic}`, ...headers });
  const subscription = { stream, text: "", status: 0, ended: false };
  stream.setEncoding("utf8");
  stream.on("response", (fields) => {
    subscription.status = fields[":status"];
    subscription.type = fields["content-type"];
  });
  stream.on("data", (text) => {
    subscription.text += text;
  });
  stream.on("end", () => {
    subscription.ended = true;
  });
  stream.on("error", () => {});
  return subscription;
}

async function publish(session, topic, data) {
  const stream = session.request({ ":method": "POST", ":path": "/events", "content-type": "application/json" });
  stream.end(JSON.stringify({ topic, data }));
  const [fields] = await once(stream, "response");
  let body = "";
  for await (const text of stream.setEncoding("utf8")) body += text;
  return { status: fields[":status"], body: JSON.parse(body) };
}

test("a hundred streams and requests beside them share a connection", async () => {
  const session = connect(server.origin);
  const streams = Array.from({ length: 100 }, (_, i) => subscribe(session, i % 2 === 0 ? "even" : "odd"));
  await until(() => streams.every(({ text }) => text.includes("retry:")), "all streams to begin");
  assert.ok(streams.every(({ status, type }) => status === 200 && type === "text/event-stream"));
  const { status, body } = await publish(session, "even", "to half of them");
  assert.equal(status, 200);
  assert.match(body.id, /-/);
  await publish(session, "odd", "to the others");
  await until(
    () => streams.every(({ text }, i) => text.includes(i % 2 === 0 ? "to half of them" : "to the others")),
    "all events to come",
  );
  assert.ok(streams.every(({ text }, i) => !text.includes(i % 2 === 0 ? "to the others" : "to half of them")));
  streams[0].stream.close(constants.NGHTTP2_CANCEL);
  await publish(session, "even", "again");
  await until(
    () => streams.every(({ text }, i) => i === 0 || i % 2 === 1 || text.includes("again")),
    "all events to come",
  );
  assert.ok(!streams[0].text.includes("again"));
  session.destroy();
});

test("a stream that is not read stops no other, and gets everything once it is", async () => {
  const session = connect(server.origin);
  await once(session, "connect");
  // As browsers have it: what one stream leaves unread does not take up the window of all.
  session.setLocalWindowSize(1024 * 1024);
  const slow = session.request({ ":path": "/events?topic=load" });
  const quick = subscribe(session, "load");
  let text = "";
  slow.setEncoding("utf8").on("data", (more) => {
    text += more;
  });
  await until(() => [text, quick.text].every((one) => one.includes("retry:")), "both streams to begin");
  slow.pause();
  const data = "x".repeat(8_000);
  for (let i = 0; i < 50; ++i) await publish(session, "load", `${data}${i}.`);
  await until(() => quick.text.includes("x49."), "all events to come");
  assert.ok(!text.includes("x49."));
  slow.resume();
  await until(() => text.includes("x49."), "all events to come");
  for (let i = 0; i < 50; ++i) assert.ok(text.includes(`x${i}.\n`), `event ${i}`);
  session.destroy();
});

test("a malformed request is reset, and the connection goes on", async () => {
  const session = connect(server.origin);
  const refused = session.request({ ":path": "events?topic=a" });
  refused.on("error", () => {});
  await new Promise((resolve) => refused.on("close", resolve));
  assert.equal(refused.rstCode, constants.NGHTTP2_PROTOCOL_ERROR);
  assert.equal((await publish(session, "a", 1)).status, 200);
  session.destroy();
});

test("a server that stops says when to come back, and goes away", async () => {
  const stopping = await startMillrace();
  const session = connect(stopping.origin);
  const goneAway = once(session, "goaway");
  const streams = Array.from({ length: 20 }, () => subscribe(session, "a"));
  await until(() => streams.every(({ text }) => text.includes("retry:")), "all streams to begin");
  for (const one of streams) one.text = "";
  const stopped = stopping.close();
  await until(() => streams.every(({ ended }) => ended), "all streams to end");
  assert.ok(streams.every(({ text }) => /retry: \d+/.test(text)));
  const [code] = await goneAway;
  assert.equal(code, constants.NGHTTP2_NO_ERROR);
  await stopped;
});
