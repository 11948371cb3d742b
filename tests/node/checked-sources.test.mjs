// `./run check` finds out how each source is compiled: also of those that the developers' build leaves out.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { compileCommands, flagsOf } from "../../tools/clean-sources.mjs";
import { replacements } from "../../tools/sources.mjs";
import { root } from "../support/millrace-server.mjs";

test("a source that this build leaves out is compiled like its neighbour", () => {
  process.chdir(root);
  const build = mkdtempSync(join(tmpdir(), "millrace-sources-"));
  try {
    const file = resolve("server/src/tls/pem.cpp");
    const command = `ccache /usr/bin/c++ -DHAS_TLS -Iserver/src -O1 -o tls/pem.cpp.o -c ${file}`;
    writeFileSync(join(build, "compile_commands.json"), JSON.stringify([{ directory: build, command, file }]));
    const [replacement] = compileCommands(build, ["server/src/tls/no_tls.cpp"]);
    assert.equal(replacement.file, resolve("server/src/tls/no_tls.cpp"));
    assert.match(replacement.command, /-c \S+no_tls\.cpp$/);
    assert.equal(flagsOf(replacement), "-DHAS_TLS -Iserver/src -O1");
    assert.throws(
      () => compileCommands(build, ["server/src/tls/forgotten.cpp"]),
      /forgotten\.cpp is in no compile command/,
    );
    for (const source of replacements) assert.ok(existsSync(source), source);
  } finally {
    rmSync(build, { recursive: true });
  }
});
