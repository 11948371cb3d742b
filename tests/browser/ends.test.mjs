// A test file that takes too long is ended by its runner, with whatever it has started.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { within } from "../support/until.mjs";

for (const [name, launch] of [
  ["chromium", "launchChromium"],
  ["firefox", "launchFirefox"],
]) {
  test(`a file with ${name} ends by SIGTERM, though it has more to wait for`, async () => {
    const file = new URL(`../support/${name}.mjs`, import.meta.url).href;
    const text = `
      import { createServer } from "node:net";
      import { ${launch} } from "${file}";
      createServer().listen(0, "127.0.0.1");
      await ${launch}();
      console.log("launched");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", text], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const exited = once(child, "exit");
      await within(once(child.stdout, "data"), `${name} to start`, 60_000);
      child.kill("SIGTERM");
      const [code] = await within(exited, "the file's end");
      assert.equal(code, 128 + 15);
    } finally {
      child.kill("SIGKILL");
    }
  });
}
