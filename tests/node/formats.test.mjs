// The formats of vendors, read by the vendors' own clients from npm, from the example that speaks them.

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { connect } from "millrace";
import OpenAI from "openai";
import { CutProxy } from "../support/cut-proxy.mjs";
import { startFormats } from "../support/formats-server.mjs";
import { until } from "../support/until.mjs";

const openaiOf = (origin) => new OpenAI({ baseURL: `${origin}/v1`, apiKey: "none" });
const anthropicOf = (origin) => new Anthropic({ baseURL: origin, apiKey: "none" });

const messages = [{ role: "user", content: "Why a mill?" }];
const asked = { model: "toy", input: "Why a mill?" };

async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

// --- OpenAI's chat completions ---

test("openai: a chat completion streams what it is whole", async (context) => {
  const { origin } = await startFormats(context, "--rate", 2000);
  const client = openaiOf(origin);
  const whole = await client.chat.completions.create({ model: "toy", messages });
  const text = whole.choices[0].message.content;
  assert.equal(text.split(" ").length, 64);
  assert.equal(whole.choices[0].finish_reason, "stop");

  const chunks = await all(await client.chat.completions.create({ model: "toy", messages, stream: true }));
  assert.equal(chunks.map(({ choices }) => choices[0].delta.content ?? "").join(""), text);
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);

  const runner = client.chat.completions.stream({ model: "toy", messages });
  assert.equal((await runner.finalChatCompletion()).choices[0].message.content, text);
});

test("openai: errors name the field", async (context) => {
  const { origin } = await startFormats(context);
  const client = openaiOf(origin);
  const wrong = { status: 400, param: "messages" };
  await assert.rejects(client.chat.completions.create({ model: "toy", messages: [] }), { ...wrong });
  await assert.rejects(client.responses.create({ ...asked, model: 7 }), { status: 400, param: "model" });
  await assert.rejects(client.responses.create({ ...asked, background: "x" }), { status: 400, param: "background" });
});

// --- OpenAI's responses ---

test("openai: a response streams typed, numbered events", async (context) => {
  const { origin } = await startFormats(context, "--rate", 2000);
  const client = openaiOf(origin);
  const whole = await client.responses.create(asked);
  assert.equal(whole.status, "completed");
  assert.equal(whole.output_text.split(" ").length, 64);

  const events = await all(await client.responses.create({ ...asked, stream: true }));
  assert.deepEqual(
    events.map(({ sequence_number }) => sequence_number),
    events.map((_, index) => index),
  );
  const deltas = events.filter(({ type }) => type === "response.output_text.delta");
  assert.equal(deltas.map(({ delta }) => delta).join(""), whole.output_text);
  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");

  const runner = client.responses.stream(asked);
  assert.equal((await runner.finalResponse()).output_text, whole.output_text);
});

test("openai: a response in the background is fetched after the last number, after a cut", async (context) => {
  // It is to be under way still when the client that was cut off has noticed it.
  const words = 800;
  const { origin, port } = await startFormats(context, "--rate", 200, "--words", words);
  const proxy = await CutProxy.to(port);
  context.after(() => proxy.close());
  const far = openaiOf(proxy.origin);
  const near = openaiOf(origin);

  const seen = [];
  let id;
  await assert.rejects(async () => {
    for await (const event of await far.responses.create({ ...asked, background: true, stream: true })) {
      seen.push(event);
      id ??= event.response?.id;
      if (seen.length === 20) proxy.cut();
    }
  });
  assert.ok(seen.length >= 20 && seen.length < words, `${seen.length} events came before the cut`);
  assert.equal((await near.responses.retrieve(id)).status, "in_progress");

  const starting_after = seen.at(-1).sequence_number;
  seen.push(...(await all(await near.responses.retrieve(id, { stream: true, starting_after }))));
  assert.deepEqual(
    seen.map(({ sequence_number }) => sequence_number),
    seen.map((_, index) => index),
  );
  const last = seen.at(-1);
  assert.equal(last.type, "response.completed");
  const deltas = seen.filter(({ type }) => type === "response.output_text.delta");
  assert.equal(deltas.map(({ delta }) => delta).join(""), last.response.output[0].content[0].text);

  // It is over: the same events again, from any number, and none behind the last.
  const replay = await all(await near.responses.retrieve(id, { stream: true }));
  assert.deepEqual(replay, seen);
  assert.deepEqual(
    await all(await near.responses.retrieve(id, { stream: true, starting_after: last.sequence_number })),
    [],
  );
  const beyond = { stream: true, starting_after: last.sequence_number + 1000 };
  assert.deepEqual(await all(await near.responses.retrieve(id, beyond)), []);
  const runner = near.responses.stream({ response_id: id, starting_after });
  assert.equal((await runner.finalResponse()).output_text, last.response.output[0].content[0].text);
  assert.equal((await near.responses.retrieve(id)).output_text, last.response.output[0].content[0].text);
});

test("openai: a response in the background goes on without any client", async (context) => {
  const { origin } = await startFormats(context, "--rate", 50);
  const client = openaiOf(origin);
  const begun = await client.responses.create({ ...asked, background: true });
  assert.match(begun.status, /^(queued|in_progress)$/);
  const done = await until(async () => {
    const now = await client.responses.retrieve(begun.id);
    return now.status === "completed" && now;
  }, "the response to be complete");
  assert.equal(done.output_text.split(" ").length, 64);
  assert.equal(done.background, true);
});

test("openai: cancel ends the response for all listeners", async (context) => {
  const { origin } = await startFormats(context, "--rate", 100, "--words", 10_000);
  const client = openaiOf(origin);
  const stream = await client.responses.create({ ...asked, background: true, stream: true });
  let id;
  let cancelled;
  let other;
  const events = [];
  for await (const event of stream) {
    events.push(event);
    id ??= event.response?.id;
    if (events.length === 10) other = client.responses.stream({ response_id: id }).finalResponse();
    if (events.length === 15) cancelled = await client.responses.cancel(id);
  }
  assert.equal(cancelled.status, "cancelled");
  const last = events.at(-1);
  assert.equal(last.type, "response.incomplete");
  assert.equal(last.response.status, "cancelled");
  assert.equal(last.sequence_number, events.length - 1);
  const text = events.map(({ type, delta }) => (type === "response.output_text.delta" ? delta : "")).join("");
  const theirs = await other;
  assert.equal(theirs.status, "cancelled");
  assert.equal(theirs.output[0].content[0].text, text);
  assert.equal((await client.responses.cancel(id)).status, "cancelled", "of one that is over: no error");
  assert.equal((await client.responses.retrieve(id)).status, "cancelled");
});

test("openai: what is not there, or not to be streamed, is 404, and a wrong number 400", async (context) => {
  const { origin } = await startFormats(context, "--rate", 2000);
  const client = openaiOf(origin);
  const { id } = await client.responses.create(asked);
  await assert.rejects(client.responses.retrieve("resp_7"), { status: 404 });
  await assert.rejects(client.responses.cancel("resp_7"), { status: 404 });
  await assert.rejects(client.responses.retrieve(id, { stream: true }), { status: 404 });
  const { id: running } = await client.responses.create({ ...asked, background: true });
  for (const starting_after of ["x", "-1", ""]) {
    await assert.rejects(client.responses.retrieve(running, { stream: true, starting_after }), {
      status: 400,
      param: "starting_after",
    });
  }
});

test("openai: a response that is not in the background ends when its client leaves", async (context) => {
  const { origin } = await startFormats(context, "--rate", 100, "--words", 10_000);
  const client = openaiOf(origin);
  let id;
  for await (const event of await client.responses.create({ ...asked, stream: true })) {
    id ??= event.response?.id;
    if (event.type === "response.output_text.delta") break;
  }
  await until(async () => (await client.responses.retrieve(id)).status === "cancelled", "the response to be cancelled");
});

// --- Anthropic's messages ---

test("anthropic: a message streams what it is whole, pings aside", async (context) => {
  const { origin } = await startFormats(context, "--rate", 2000);
  const client = anthropicOf(origin);
  const request = { model: "toy", max_tokens: 1000, messages };
  const whole = await client.messages.create(request);
  const { text } = whole.content[0];
  assert.equal(text.split(" ").length, 64);
  assert.equal(whole.stop_reason, "end_turn");

  const events = await all(await client.messages.create({ ...request, stream: true }));
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type !== "content_block_delta"),
    ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"],
  );
  assert.equal(events.map(({ delta }) => delta?.text ?? "").join(""), text);

  const message = await client.messages.stream(request).finalMessage();
  assert.equal(message.content[0].text, text);
  assert.equal(message.stop_reason, "end_turn");
});

test("anthropic: errors say what is wrong", async (context) => {
  const { origin } = await startFormats(context);
  const client = anthropicOf(origin);
  await assert.rejects(client.messages.create({ model: "toy", max_tokens: 9, messages: [] }), (error) => {
    assert.equal(error.status, 400);
    assert.equal(error.type, "invalid_request_error");
    assert.match(error.message, /messages: must be an array/);
    return true;
  });
});

// --- Millrace's own ---

test("millrace: a response of OpenAI's kind is resumed by itself, and cancelled by stop()", async (context) => {
  const { origin, port } = await startFormats(context, "--rate", 200, "--words", 10_000);
  const proxy = await CutProxy.to(port);
  context.after(() => proxy.close());
  const { id } = await openaiOf(origin).responses.create({ ...asked, background: true });
  const connection = connect(`${proxy.origin}/v1/responses/${id}?stream=true`, {
    decode: "json",
    retry: { base: 20 },
    stop: (answer) => fetch(`${origin}/v1/responses/${answer}/cancel`, { method: "POST" }),
  });
  const numbers = [];
  let last;
  for await (const event of connection) {
    last = event;
    numbers.push(event.data.sequence_number);
    if (numbers.length === 20 || numbers.length === 40) proxy.cut();
    if (numbers.length === 60) await connection.stop();
  }
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index),
  );
  assert.equal(last.type, "response.incomplete");
  assert.equal(last.data.response.status, "cancelled");
});
