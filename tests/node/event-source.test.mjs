// The package's EventSource in Node.js.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { EventSource } from "../../client-wasm/dist/index.js";
import { runInNode } from "../support/cases.mjs";
import { eventSourceCases } from "../support/event-source-cases.mjs";

runInNode(eventSourceCases, EventSource);
