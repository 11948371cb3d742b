// When ./run release refuses. That what it makes works, and is the same twice, it tries itself: ./run release --twice.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/millrace-server.mjs";

test("./run release refuses what is no commit, or not all of one", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-release-"));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["run", "tools", "release"]) cpSync(join(root, name), join(folder, name), { recursive: true });
  const refusal = (...parameters) => {
    const { status, stderr } = spawnSync("./run", ["release", ...parameters], { cwd: folder, encoding: "utf8" });
    assert.equal(status, 1);
    return stderr;
  };
  const git = (...parameters) =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@localhost", ...parameters], { cwd: folder });

  assert.match(refusal("--thrice"), /unknown option '--thrice'/);
  assert.match(refusal(), /not a git repository/);
  git("init", "--quiet");
  writeFileSync(join(folder, ".gitignore"), "build/\n");
  git("add", ".");
  git("commit", "--quiet", "--message", "All of it");
  writeFileSync(join(folder, "forgotten"), "");
  assert.match(refusal(), /uncommitted changes/);
});
