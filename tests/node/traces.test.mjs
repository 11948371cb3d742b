// The trace of an event (W3C Trace Context): published with headers, read by connect(), against the real program.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "millrace";
import { startMillrace } from "../support/millrace-server.mjs";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const tracestate = "congo=1,rojo=2";

async function take(connection, count) {
  const events = [];
  for await (const event of connection) if (events.push(event) === count) return events;
}

async function publish(server, data, headers = {}) {
  const response = await fetch(server.events, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify({ topic: "a", data }),
  });
  assert.equal(response.status, 200, await response.text());
}

test("a connection that asks for traces gets that of each event that has one", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  await publish(server, "1", { traceparent, tracestate });
  await publish(server, "2");
  await publish(server, "grüße", { traceparent });
  await publish(server, "4", { traceparent: `${traceparent}-more` });
  const from = { topics: "a", lastEventId: "earliest" };
  for (const transport of ["fetch", "poll"]) {
    const traced = await take(connect(server.events, { ...from, transport, traces: true }), 4);
    assert.deepEqual(
      traced.map(({ data, topic, traceparent, tracestate }) => ({ data, topic, traceparent, tracestate })),
      [
        { data: "1", topic: "a", traceparent, tracestate },
        { data: "2", topic: "a", traceparent: undefined, tracestate: undefined },
        { data: "grüße", topic: "a", traceparent, tracestate: undefined },
        { data: "4", topic: "a", traceparent: undefined, tracestate: undefined },
      ],
    );
    assert.equal("traceparent" in traced[1], false);
    assert.equal("tracestate" in traced[2], false);
  }
  const untraced = await take(connect(server.events, from), 4);
  for (const event of untraced) assert.equal("traceparent" in event, false);
});

test("traces need a transport that reports fields", () => {
  assert.throws(() => connect("http://localhost/", { transport: "native", traces: true }), /"native" with "traces"/);
  assert.throws(() => connect("http://localhost/", { traces: "yes" }), /"traces" .*a boolean|traces.*boolean/);
});
