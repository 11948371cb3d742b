// Three servers behind each proxy are restarted one after the other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { rollingRestart } from "../support/rolling-restart.mjs";

for (const proxy of ["nginx", "haproxy", "caddy"]) {
  test(`a rolling restart under 1,000 streams behind ${proxy} loses and repeats no event`, async () => {
    const { published, faults } = await rollingRestart({ count: 1_000, proxy });
    assert.ok(published > 50, `${published} events`);
    assert.deepEqual(faults.slice(0, 10), []);
  });
}
