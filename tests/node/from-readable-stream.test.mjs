// EventSource.fromReadableStream() as it is proposed for the standard, and as the proposal's own tests want it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSource as Installed } from "millrace";
import { EventSource } from "millrace/from-readable-stream";
import { eventStream, serve } from "../support/http-server.mjs";
import { within } from "../support/until.mjs";

const bytes = (text) => new TextEncoder().encode(text);

/** A stream of these chunks, texts or bytes, that then ends. */
function streamOf(...chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? bytes(chunk) : chunk);
      controller.close();
    },
  });
}

/** What a source fires until it is closed: `open 1`, `message 1 data ID`, `error 2`. */
function lifeOf(source, ...types) {
  const lines = [];
  const whole = new Promise((resolve) => {
    for (const type of ["open", "message", "error", ...types]) {
      source.addEventListener(type, (event) => {
        const said = event instanceof MessageEvent ? [event.data, event.lastEventId] : [];
        lines.push([type, source.readyState, ...said].join(" ").trim());
        if (type === "error" && !(event instanceof MessageEvent)) resolve(lines);
      });
    }
  });
  return within(whole, "the end of the source");
}

test("begins as an EventSource that is connecting, of a URL that stands for streams", () => {
  const source = EventSource.fromReadableStream(streamOf());
  assert.ok(source instanceof EventSource && source instanceof Installed && source instanceof EventTarget);
  assert.equal(Object.prototype.toString.call(source), "[object EventSource]");
  assert.deepEqual(
    [source.readyState, source.url, source.withCredentials, source.lastEventId, source.OPEN],
    [0, "about:event-stream", false, "", 1],
  );
  assert.ok(source.reconnectionTime > 0);
  source.close();
  assert.equal(source.readyState, EventSource.CLOSED);
  const plain = new Installed("http://127.0.0.1:1/");
  plain.close();
  assert.ok(!(plain instanceof EventSource));
});

test("takes neither a locked stream nor anything else", () => {
  const locked = new ReadableStream();
  locked.getReader();
  assert.throws(() => EventSource.fromReadableStream(locked), TypeError);
  assert.throws(() => EventSource.fromReadableStream("data: a\n\n"), TypeError);
});

test("opens, fires what the stream says, and ends with one error: it does not reconnect", async () => {
  const source = EventSource.fromReadableStream(
    streamOf("\ufeffda", "ta: first\ndata: line\n\n: comment\nevent: other\nid: 7\ndata: b\n\n", "data: unfinished"),
  );
  assert.deepEqual(await lifeOf(source, "other"), ["open 1", "message 1 first\nline", "other 1 b 7", "error 2"]);
  assert.equal(source.lastEventId, "7");
});

test("all line ends end lines, and all chunks are parts of one text", async () => {
  const text = "data: cr\r\rdata: lf\n\ndata: crlf\r\n\r\ndata: grüße\n\n";
  const expected = ["open 1", "message 1 cr", "message 1 lf", "message 1 crlf", "message 1 grüße", "error 2"];
  const single = [...bytes(text)].map((byte) => Uint8Array.of(byte));
  for (const chunks of [[text], single]) {
    assert.deepEqual(await lifeOf(EventSource.fromReadableStream(streamOf(...chunks))), expected);
  }
});

test("events are of an opaque origin", async () => {
  const source = EventSource.fromReadableStream(streamOf("data: a\n\n"));
  const event = await within(new Promise((resolve) => Object.assign(source, { onmessage: resolve })), "the event");
  assert.equal(event.origin, "null");
  source.close();
});

test("the stream sets the reconnection time, by digits only", async () => {
  const at = async (field) => {
    const source = EventSource.fromReadableStream(streamOf(`retry: ${field}\ndata: a\n\n`));
    await lifeOf(source);
    return source.reconnectionTime;
  };
  assert.deepEqual([await at("5000"), await at("bogus")], [5000, 3000]);
});

test("a stream that breaks, or brings other things than bytes, is an error that says so", async () => {
  const broken = new ReadableStream({ start: (controller) => controller.error(new Error("cut off")) });
  for (const [stream, message] of [
    [broken, /cut off/],
    [new ReadableStream({ start: (controller) => controller.enqueue("data: a\n\n") }), /Uint8Array/],
    [streamOf(), /ended/],
  ]) {
    const source = EventSource.fromReadableStream(stream);
    const error = await within(new Promise((resolve) => Object.assign(source, { onerror: resolve })), "the error");
    assert.match(error.message, message);
    assert.equal(source.readyState, 2);
  }
});

test("close() lets go of the stream, and nothing is fired any more", async () => {
  let cancelled;
  const gone = new Promise((resolve) => {
    cancelled = resolve;
  });
  const stream = new ReadableStream({
    start: (controller) => controller.enqueue(bytes("data: a\n\ndata: b\n\n")),
    cancel: cancelled,
  });
  const source = EventSource.fromReadableStream(stream);
  const seen = [];
  source.onerror = () => seen.push("error");
  source.onmessage = ({ data }) => {
    seen.push(data);
    source.close();
  };
  await within(gone, "the stream to be let go");
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.deepEqual(seen, ["a"]);
});

test("a program reconnects by a TransformStream, with the ID and the time that are kept", async () => {
  const { readable, writable } = new TransformStream();
  const source = EventSource.fromReadableStream(readable);
  const life = lifeOf(source);
  await streamOf("retry: 20\nid: 42\ndata: first\n\ndata: cut o").pipeTo(writable, { preventClose: true });
  assert.equal(source.lastEventId, "42", "also before the event's task has come");
  assert.equal(source.reconnectionTime, 20);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  source.reset();
  await streamOf("data: second\n\n").pipeTo(writable);
  assert.deepEqual(await life, ["open 1", "message 1 first 42", "message 1 second 42", "error 2"]);
});

test("reads what fetch() brings", async (context) => {
  const server = await serve((_request, response) => response.writeHead(200, eventStream).end("id: 1\ndata: a\n\n"));
  context.after(() => server.close());
  const { body } = await fetch(server.origin);
  assert.deepEqual(await lifeOf(EventSource.fromReadableStream(body)), ["open 1", "message 1 a 1", "error 2"]);
});
