// The example that streams like OpenAI's API, with OpenAI's own client, under both policies for clients that leave.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { connect } from "millrace";
import OpenAI from "openai";
import { CutProxy } from "../support/cut-proxy.mjs";
import { millraceProgram } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

const program = process.env.LLM_STREAM_BIN ?? join(dirname(realpathSync(millraceProgram())), "example_llm_stream");

/** Starts the example. */
async function startExample(context, ...options) {
  const child = spawn(program, ["--port", "0", ...options], { stdio: ["ignore", "pipe", "ignore"] });
  const exited = new Promise((resolve) => child.on("exit", resolve));
  context.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const [line] = await within(
    new Promise((resolve, reject) => {
      child.on("error", reject);
      createInterface({ input: child.stdout }).on("line", (text) => resolve([text]));
    }),
    "the example to say where it listens",
  );
  const origin = /http:\S+/.exec(line)[0];
  return {
    origin,
    port: Number(new URL(origin).port),
    client: clientOf(origin),
    answers: async () => (await fetch(`${origin}/v1/answers`)).json(),
  };
}

const clientOf = (origin) => new OpenAI({ baseURL: `${origin}/v1`, apiKey: "none", maxRetries: 0 });

const question = (more) => ({ model: "toy", messages: [{ role: "user", content: "Why a mill? ✨" }], ...more });

/** What a detached stream's events say. */
const contentOf = (data) => JSON.parse(data).choices[0].delta.content ?? "";

for (const policy of ["cancel", "detached"]) {
  test(`${policy}: what is streamed is what is answered whole`, async (context) => {
    const { client, answers } = await startExample(context, "--policy", policy, "--rate", "2000");
    const whole = await client.chat.completions.create(question());
    assert.equal(whole.object, "chat.completion");
    assert.equal(whole.choices[0].finish_reason, "stop");
    const text = whole.choices[0].message.content;
    assert.equal(text.split(" ").length, 64);

    const chunks = [];
    for await (const chunk of await client.chat.completions.create(question({ stream: true }))) chunks.push(chunk);
    assert.equal(chunks.map(({ choices }) => choices[0].delta.content ?? "").join(""), text);
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
    assert.equal((await answers()).at(-1).state, "complete");

    const runner = client.chat.completions.stream(question());
    assert.equal((await runner.finalChatCompletion()).choices[0].message.content, text);
  });

  test(`${policy}: what is no question is refused by field`, async (context) => {
    const { client } = await startExample(context, "--policy", policy);
    for (const [field, bad] of [
      ["messages", { messages: [] }],
      ["model", { model: 7 }],
      ["max_tokens", { max_tokens: 0 }],
      ["stream", { stream: "yes" }],
    ]) {
      await assert.rejects(client.chat.completions.create(question(bad)), (error) => {
        assert.equal(error.status, 400);
        assert.match(error.message, new RegExp(`${field}:`));
        return true;
      });
    }
  });
}

test("cancel: the generation stops when the client leaves", async (context) => {
  const { client, answers } = await startExample(context, "--policy", "cancel", "--rate", "200");
  const stream = await client.chat.completions.create(question({ stream: true, max_tokens: 10_000 }));
  let seen = 0;
  for await (const _ of stream) {
    seen += 1;
    if (seen === 5) stream.controller.abort();
  }
  const answer = await until(async () => (await answers()).find(({ state }) => state === "cancelled"), "it to stop");
  assert.ok(answer.sent < answer.words, `${answer.sent} of ${answer.words} words`);
});

test("detached: the generation goes on without its client, which can fetch the rest", async (context) => {
  const { origin, port, client, answers } = await startExample(context, "--policy", "detached", "--rate", "200");
  const asked = question({ max_tokens: 800 }); // so many that it is under way still when it is cut
  const text = (await client.chat.completions.create(asked)).choices[0].message.content;

  // Cut in the middle. OpenAI's client hides the IDs, so the body is read here.
  const proxy = await CutProxy.to(port);
  context.after(() => proxy.close());
  const body = JSON.stringify({ ...asked, stream: true });
  let received = "";
  let lastEventId = "";
  let id = "";
  await assert.rejects(async () => {
    const response = await fetch(`${proxy.origin}/v1/chat/completions`, { method: "POST", body });
    let unread = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (unread + piece).split("\n\n");
      unread = blocks.pop();
      for (const block of blocks) {
        lastEventId = /^id: (.*)$/m.exec(block)?.[1] ?? lastEventId;
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (!data) continue;
        received += contentOf(data);
        id = JSON.parse(data).id;
      }
      if (received.split(" ").length > 20) proxy.cut();
    }
  });
  assert.ok(received.length < text.length && text.startsWith(received), received);

  // Through millrace's client, over the same bad line: cut once more, it reconnects by itself, and then gets 204.
  let events = 0;
  let done = false;
  const rest = connect(`${proxy.origin}/v1/answers/${id}`, { lastEventId, transport: "fetch" });
  for await (const { data } of rest) {
    events += 1;
    if (events === 20) proxy.cut();
    if (data === "[DONE]") {
      done = true;
    } else {
      received += contentOf(data);
    }
  }
  assert.ok(done, "the stream is over, and it was whole");
  assert.equal(received, text);
  assert.equal((await answers()).find((answer) => answer.id === id).state, "complete");
  const again = await fetch(`${origin}/v1/answers/${id}`, { headers: { "Last-Event-ID": rest.lastEventId } });
  assert.equal(again.status, 204);
});
