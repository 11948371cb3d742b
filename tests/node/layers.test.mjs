// The package's sources: what they share with C++ is the same there, and no file imports, in however many steps, itself.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkSharedEnums, differences } from "../../client-wasm/shared-enums.mjs";
import { root } from "../support/millrace-server.mjs";

const source = join(root, "client-wasm/src");
const read = (path) => readFileSync(join(source, path), "utf8");

test("C++ and TypeScript call the same by the same number", () => {
  checkSharedEnums();
  const texts = [read("abi.h"), read("../../core/include/millrace/core/event_source_state.h"), read("abi.ts")];
  const changed = (index, from, to) => {
    assert.ok(texts[index].includes(from));
    return differences(...texts.map((text, at) => (at === index ? text.replace(from, to) : text)));
  };
  assert.deepEqual(changed(0, "  kOpen,\n", ""), [
    "Kind is [connect = 0,event = 1,reconnect = 2,fail = 3,id = 4,comment = 5,retry = 6,tooLarge = 7,topic = 8] in C++, " +
      "[connect = 0,open = 1,event = 2,reconnect = 3,fail = 4,id = 5,comment = 6,retry = 7,tooLarge = 8,topic = 9] in TypeScript",
  ]);
  assert.match(changed(0, "kPolling = 2", "kPolling = 3")[0], /^Flag is /);
  assert.match(changed(1, "kTimeout,", "kSilence,")[0], /^reasons is /);
  assert.match(changed(2, "enum Verdict", "enum Judgement")[0], /^Verdict is \[.*\] in C\+\+, \[missing\]/);
});

test("no source imports itself, types included", () => {
  const names = readdirSync(source, { recursive: true }).filter((name) => name.endsWith(".ts"));
  assert.ok(names.length > 30, `${names.length} sources: are they still found?`);
  const imports = (name) =>
    [...read(name).matchAll(/ from "(\.[^"]*)\.js"/g)]
      .map(([, path]) => join(name, "..", path))
      .map((path) => names.find((name) => name === `${path}.ts` || name === `${path}.d.ts`));
  const done = new Set();
  const visit = (name, way) => {
    assert.ok(!way.includes(name), `a circle: ${[...way, name].join(" → ")}`);
    if (done.has(name)) return;
    for (const imported of imports(name)) if (imported) visit(imported, [...way, name]);
    done.add(name);
  };
  for (const name of names) visit(name, []);
});
