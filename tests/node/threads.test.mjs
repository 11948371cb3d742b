// Clang refuses what touches a guarded member without its mutex: threads/mutex.h, as `./run check threads` reads it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/millrace-server.mjs";

const hasClang = spawnSync("clang++", ["--version"]).status === 0;

// What the analysis says of a class with these members.
function findingsIn(members) {
  const source = `#include "mutex.h"
    using namespace millrace;
    class Account {
     public:
      ${members}
     private:
      int taken() REQUIRES(mutex_) { return --balance_; }
      Mutex mutex_;
      Condition changed_;
      int balance_ GUARDED_BY(mutex_) = 0;
    };`;
  const flags = ["-std=c++20", "-fsyntax-only", "-Wthread-safety", "-Werror", `-I${join(root, "threads")}`];
  const { status, stderr } = spawnSync("clang++", [...flags, "-x", "c++", "-"], { input: source, encoding: "utf8" });
  assert.equal(status === 0, stderr === "");
  return stderr;
}

test("the analysis knows when a mutex is held", { skip: !hasClang && "clang++ is not installed" }, () => {
  const clean = [
    "int take() { const MutexLock lock(mutex_); return taken(); }",
    "int take() { MutexLock lock(mutex_); lock.unlock(); lock.lock(); return taken(); }",
    `void wait() {
       MutexLock lock(mutex_);
       changed_.wait(lock, [this]() REQUIRES(mutex_) { return balance_ > 0; });
       --balance_;
     }`,
  ];
  for (const members of clean) assert.equal(findingsIn(members), "");
  const wrong = [
    ["int balance() { return balance_; }", /reading variable 'balance_' requires holding mutex/],
    ["int take() { return taken(); }", /calling function 'taken' requires holding mutex/],
    ["void add() { MutexLock lock(mutex_); lock.unlock(); ++balance_; }", /writing variable 'balance_' requires/],
    ["void add() { mutex_.lock(); ++balance_; }", /mutex 'mutex_' is still held at the end/],
    ["bool has() { return [this] { return balance_ > 0; }(); }", /reading variable 'balance_' requires/],
  ];
  for (const [members, finding] of wrong) assert.match(findingsIn(members), finding);
});
