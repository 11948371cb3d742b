// The AI SDK's useChat({ resume: true }), unmodified, in Chromium, against the example that speaks its format.

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundlers } from "../support/bundlers.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { startFormats } from "../support/formats-server.mjs";
import { root } from "../support/millrace-server.mjs";
import { until } from "../support/until.mjs";

// A chat as the AI SDK's documentation has it. The button stops the model: stop() alone would only leave.
const program = `
  import { createElement as h } from "react";
  import { createRoot } from "react-dom/client";
  import { useChat } from "@ai-sdk/react";
  const id = new URLSearchParams(location.search).get("chat");
  function Chat({ messages: before }) {
    const { messages, status, error, sendMessage } = useChat({ id, messages: before, resume: true });
    const textOf = ({ parts }) => parts.map((part) => part.text ?? "").join("");
    return h("main", null,
      h("output", { id: "status" }, status),
      h("output", { id: "error" }, error?.message),
      ...messages.map((message) => h("p", { key: message.id, className: message.role }, textOf(message))),
      h("button", { id: "ask", onClick: () => sendMessage({ text: "Why a mill?" }) }, "Ask"),
      h("button", { id: "stop", onClick: () => fetch("/api/chat/" + id + "/stream", { method: "DELETE" }) }, "Stop"));
  }
  const messages = await (await fetch("/api/chat/" + id)).json();
  createRoot(document.querySelector("div")).render(h(Chat, { messages }));`;

const folder = join(root, "build/use-chat");
let browser;
before(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "entry.js"), program);
  await bundlers.esbuild(join(folder, "entry.js"), join(folder, "web"));
  const page = '<!doctype html><meta charset="utf-8"><div></div><script type="module" src="/main.js"></script>';
  writeFileSync(join(folder, "web/index.html"), page);
  browser = await launchChromium();
});
after(() => browser?.close());

/** A tab with the chat. */
async function open(context, origin, chat) {
  const page = await browser.newPage();
  context.after(() => page.close());
  const text = (selector) => page.evaluate((what) => document.querySelector(what)?.textContent ?? "", selector);
  const tab = {
    page,
    status: () => text("#status"),
    error: () => text("#error"),
    answer: () => text("p.assistant"),
    answers: () => page.evaluate(() => document.querySelectorAll("p.assistant").length),
    words: async () => (await text("p.assistant")).split(" ").length,
    becomes: (status) => until(async () => (await text("#status")) === status, `the chat to be ${status}`),
  };
  await page.goto(`${origin}/index.html?chat=${chat}`);
  await page.waitForSelector("#ask");
  return tab;
}

const wordsOf = (tab, count) => until(async () => (await tab.words()) >= count, `${count} words`);

/** The answer to the same question, from a server that is in no hurry to be read. */
async function wholeAnswer(tab, count) {
  await tab.becomes("ready");
  const answer = await tab.answer();
  assert.equal(answer.split(" ").length, count);
  return answer;
}

test("an answer is streamed, and stays when the page is reloaded after it", async (context) => {
  const { origin } = await startFormats(context, "--rate", 500, "--words", 50, "--web", join(folder, "web"));
  const tab = await open(context, origin, "c1");
  await tab.page.click("#ask");
  await until(async () => (await tab.answers()) === 1, "the answer to begin");
  const answer = await wholeAnswer(tab, 50);
  await tab.page.reload();
  await tab.page.waitForSelector("p.assistant");
  assert.equal(await tab.status(), "ready");
  assert.equal(await tab.answer(), answer);
  assert.equal(await tab.error(), "");
});

test("a page that is reloaded in the middle of an answer goes on with it", async (context) => {
  const { origin } = await startFormats(context, "--rate", 100, "--words", 10_000, "--web", join(folder, "web"));
  const tab = await open(context, origin, "c1");
  await tab.page.click("#ask");
  await wordsOf(tab, 10);
  const before = await tab.answer();
  await tab.page.reload();
  await wordsOf(tab, before.split(" ").length + 10);
  assert.equal(await tab.status(), "streaming");
  assert.ok((await tab.answer()).startsWith(before), "the beginning is there again");
  assert.equal(await tab.answers(), 1, "one answer, not two");

  // What the page has is what the model has said: nothing is missing, nothing doubled.
  await tab.page.click("#stop");
  await tab.becomes("ready");
  const [, kept] = await (await fetch(`${origin}/api/chat/c1`)).json();
  assert.equal(await tab.answer(), kept.parts[0].text);
  assert.equal(await tab.error(), "");
});

test("a second tab shows the running answer, and its button stops it in both", async (context) => {
  const { origin } = await startFormats(context, "--rate", 40, "--words", 10_000, "--web", join(folder, "web"));
  const first = await open(context, origin, "c1");
  await first.page.click("#ask");
  await wordsOf(first, 10);
  const second = await open(context, origin, "c1");
  await wordsOf(second, 10);
  await second.page.click("#stop");
  await first.becomes("ready");
  await second.becomes("ready");
  const stopped = await first.answer();
  assert.ok(stopped.split(" ").length < 10_000);
  assert.equal(await second.answer(), stopped, "both have the same words");
  assert.equal(await first.error(), "");

  // The model has stopped, too: a third page gets the same words, and no stream.
  const third = await open(context, origin, "c1");
  await third.page.waitForSelector("p.assistant");
  assert.equal(await third.answer(), stopped);
  assert.equal(await third.status(), "ready");
});

test("closing the only tab stops nothing", async (context) => {
  const { origin } = await startFormats(context, "--rate", 200, "--words", 100, "--web", join(folder, "web"));
  const first = await open(context, origin, "c1");
  await first.page.click("#ask");
  await wordsOf(first, 5);
  await first.page.goto("about:blank");
  const messages = async () => (await fetch(`${origin}/api/chat/c1`)).json();
  await until(async () => (await messages()).length === 2, "the model to be done");
  const second = await open(context, origin, "c1");
  await second.page.waitForSelector("p.assistant");
  assert.equal(await second.words(), 100);
});
