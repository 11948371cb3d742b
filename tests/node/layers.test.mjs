// The package's sources: what they share with C++ is the same there, and no file imports, in however many steps, itself.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkSharedValues, sharedValues } from "../../tools/shared-values.mjs";
import { root } from "../support/millrace-server.mjs";

const source = join(root, "client-wasm/src");
const read = (path) => readFileSync(join(source, path), "utf8");

test("C++ and TypeScript call the same by the same number", () => {
  checkSharedValues();
  const changed = (header, from, to) =>
    sharedValues((path) => {
      const text = readFileSync(join(root, path), "utf8");
      if (!path.endsWith(header)) return text;
      assert.ok(text.includes(from), `${header} has no "${from}"`);
      return text.replace(from, to);
    });
  const committed = read("shared-values.ts");
  assert.equal(changed("abi.h", "  kOpen,\n", ""), committed.replace("  open,\n", ""));
  assert.equal(changed("abi.h", "kPolling = 2", "kPolling = 3"), committed.replace("polling = 2", "polling = 3"));
  assert.equal(changed("abi.h", "enum class Verdict", "enum Judgement").includes("export enum Judgement {"), true);
  assert.equal(changed("event_source_state.h", "kTimeout,", "kSilence,"), committed.replace('"timeout"', '"silence"'));
  assert.equal(
    changed("core/limits.h", "kMaxBackoff{60'000}", "kMaxBackoff{2 * 500}"),
    committed.replace("60_000", "1000"),
  );
  assert.equal(changed("protocol.h", '"millrace.gap"', '"millrace.hole"'), committed.replace(".gap", ".hole"));
  assert.throws(
    () => changed("abi.h", "  kOpen,", "  kOpen = kConnect + 1,"),
    /enum Kind: "kOpen = .*" is not a member/,
  );
  assert.throws(() => changed("core/limits.h", "kMaxBackoff{60'000}", "kMaxBackoff{kMinBackoff}"), /kMaxBackoff: /);
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
