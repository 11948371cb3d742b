// The demo's answers: cut, reloaded, read in several tabs and stopped from any of them, in a real Chromium.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readUntil } from "../support/until.mjs";
import { DemoPage, demoForTests } from "./demo-page.mjs";

const demos = demoForTests();
const inView = { query: "#answer" };
const withPage = (body) => demos.withPage(body, inView);

const tokensBeyond = (demo, count) =>
  demo.page.waitForFunction((count) => Number(document.getElementById("answer-tokens").textContent) > count, count);
const press = (demo, name) => demo.page.getByRole("button", { name, exact: true }).click();

async function ask(demo) {
  await demo.page.getByLabel("Prompt").fill("Why does a cut lose nothing?");
  await press(demo, "Ask");
}

async function isWhole(demo) {
  assert.equal(await demo.text("answer-missed"), "0");
  assert.equal(await demo.text("answer-doubled"), "0");
  assert.deepEqual(demo.violations, []);
}

/** The texts of the answer's tokens, and the rest of its events, from the server itself. */
async function answerOf(id) {
  const stream = await (await fetch(`${demos.server.origin}/demo/answers/${id}`)).text();
  return {
    text: [...stream.matchAll(/^data: (.*"text".*)$/gm)].map(([, data]) => JSON.parse(data).text).join(""),
    last: [...stream.matchAll(/^event: (?!millrace)(.*)$/gm)].at(-1)?.[1],
  };
}

const idIn = (demo) => demo.page.evaluate(() => JSON.parse(localStorage.getItem("millrace-answer")).id);
/** Waits until the page has drawn exactly this: it draws once a frame, after the status. */
const hasDrawn = (demo, text) =>
  demo.page.waitForFunction(
    (text) =>
      [...document.getElementById("page").childNodes]
        .map((node) => (node instanceof Text ? node.data : ""))
        .join("") === text,
    text,
  );

describe("Answer", () => {
  test("streams by POST, goes on after a cut where it was, and is stopped by Stop", async () => {
    await withPage(async (demo) => {
      await ask(demo);
      await tokensBeyond(demo, 10);
      await press(demo, "Cut");
      await demo.shows("answer-status", /^The wire is cut/);
      await demo.shows("answer-status", /^Back, and on from token \d+\.$/);
      await demo.page.waitForSelector("#page .cut-mark");
      await tokensBeyond(demo, (await demo.number("answer-tokens")) + 10);
      await press(demo, "Stop");
      await demo.shows("answer-status", /^Stopped/);
      await isWhole(demo);
      const asked = demo.requests.filter((url) => url.includes("/demo/answers?client="));
      assert.ok(asked.length >= 2, `asked ${asked.length} times`);
      const { text, last } = await answerOf(await idIn(demo));
      assert.equal(last, "stopped", "the writing is over on the server, too");
      await hasDrawn(demo, text);
    });
  });

  test("is there after a reload in the middle of it, from its first token, and goes on", async () => {
    await withPage(async (demo) => {
      await ask(demo);
      await tokensBeyond(demo, 20);
      await demo.page.reload();
      const status = await demo.shows("answer-status", /^Reloaded after \d+ tokens/);
      const before = Number(/\d+/.exec(status)[0]);
      assert.ok(before > 20, status);
      await tokensBeyond(demo, before + 10);
      await demo.page.waitForSelector("#page .cut-mark.reload");
      assert.equal(await demo.page.getByLabel("Prompt").inputValue(), "Why does a cut lose nothing?");
      await press(demo, "Stop");
      await demo.shows("answer-status", /^Stopped/);
      await isWhole(demo);
      await hasDrawn(demo, (await answerOf(await idIn(demo))).text);
    });
  });

  test("is read in every tab, and Stop in one of them stops it in all", async () => {
    await demos.withPage(async (asking, context) => {
      const other = await DemoPage.open(context, `${demos.server.origin}/#answer`);
      await ask(asking);
      await other.shows("answer-status", /^Asked in another tab/);
      await tokensBeyond(asking, 15);
      await tokensBeyond(other, 15);
      await press(other, "Stop");
      for (const demo of [asking, other]) {
        await demo.shows("answer-status", /^Stopped in all tabs/);
        await isWhole(demo);
      }
      const { text } = await answerOf(await idIn(asking));
      for (const demo of [asking, other]) await hasDrawn(demo, text);
      // A tab that comes later reads the same.
      const late = await DemoPage.open(context, `${demos.server.origin}/#answer`);
      await late.shows("answer-status", /^Stopped in all tabs/);
      await hasDrawn(late, text);
    }, inView);
  });

  test("is not asked for twice where the wire breaks before its first event", async () => {
    const question = (key, body) =>
      fetch(`${demos.server.origin}/demo/answers`, { method: "POST", headers: { "Idempotency-Key": key }, body });
    const body = JSON.stringify({ prompt: "What is a gap?" });
    const first = await question("the same", body);
    const second = await question("the same", body);
    assert.equal(second.headers.get("Millrace-Answer"), first.headers.get("Millrace-Answer"));
    assert.equal((await question("the same", JSON.stringify({ prompt: "Another?" }))).status, 422);
    await Promise.all([first.body.cancel(), second.body.cancel()]);
  });

  test("is the same for the same question, whole, whether the wire was cut or not", async () => {
    const ask = (headers = {}) =>
      fetch(`${demos.server.origin}/demo/answers`, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify({ prompt: "What is a gap?", language: "zh" }),
      });
    const textOf = (stream) =>
      [...stream.matchAll(/^data: (.*"text".*)$/gm)].map(([, data]) => JSON.parse(data).text).join("");
    const all = ask().then((response) => response.text());
    const reader = (await ask()).body.getReader();
    let first = await readUntil(reader, /^id: \w+:9$/m, "the ninth event");
    await reader.cancel();
    first = first.slice(0, first.lastIndexOf("\n\n") + 2);
    const lastId = [...first.matchAll(/^id: (.*)$/gm)].at(-1)[1];
    const rest = await (await ask({ "Last-Event-ID": lastId })).text();
    const whole = await all;
    assert.match(whole, /^event: done$/m);
    assert.equal(textOf(first) + textOf(rest), textOf(whole));
    assert.equal((await ask({ "Last-Event-ID": [...rest.matchAll(/^id: (.*)$/gm)].at(-1)[1] })).status, 204);
  });

  test("refuses what is no question, with a sentence that names the field", async () => {
    const refusal = async (body) => {
      const response = await fetch(`${demos.server.origin}/demo/answers`, { method: "POST", body });
      return [response.status, (await response.json()).error];
    };
    assert.deepEqual(await refusal("?"), [400, "body: must be a JSON object"]);
    assert.match((await refusal("{}")).join(), /^400,prompt: must have 1 to 2000 bytes/);
    assert.match((await refusal('{"prompt":""}')).join(), /^400,prompt: must have 1 to 2000 bytes/);
    for (const method of ["GET", "DELETE"]) {
      const response = await fetch(`${demos.server.origin}/demo/answers/nowhere`, { method });
      assert.equal(response.status, 404, method);
    }
    for (const path of ["silence?client=x&seconds=0", "silence?seconds=1", "cut", "kick", "name?client=x"]) {
      const response = await fetch(`${demos.server.origin}/demo/${path}`, { method: "POST" });
      assert.equal(response.status, 400, path);
      assert.match((await response.json()).error, /^(seconds|client|name): /);
    }
    const response = await fetch(`${demos.server.origin}/demo/connection`);
    assert.equal(response.status, 400);
    assert.match((await response.json()).error, /^client: missing/);
  });
});
