// Two servers behind nginx are restarted one after the other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { rollingRestart } from "../support/rolling-restart.mjs";

test("a rolling restart under 1,000 streams loses and repeats no event", async () => {
  const { published, faults } = await rollingRestart({ count: 1_000 });
  assert.ok(published > 50, `${published} events`);
  assert.deepEqual(faults.slice(0, 10), []);
});
