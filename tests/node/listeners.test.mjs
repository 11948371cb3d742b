// How messages reach listeners in Node.js, where the package calls those that are functions itself: as the platform does.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { EventSource } from "millrace";
import { serve, streams } from "../support/http-server.mjs";
import { within } from "../support/until.mjs";

const data = ["1", "2", "3"];
const body = `${data.map((each) => `id: ${each}\ndata: ${each}\n\n`).join("")}event: end\ndata\n\n`;

/** What `listen` logs of an EventSource's messages. */
async function loggedOfSource(context, listen) {
  const server = await serve(streams({ body, open: true }));
  context.after(() => server.close());
  const source = new EventSource(server.origin);
  context.after(() => source.close());
  const log = [];
  listen(source, log);
  await within(new Promise((resolve) => source.addEventListener("end", resolve)), "the last message");
  return log;
}

/** The same of an EventTarget's, to which the test dispatches MessageEvents. */
async function loggedOfTarget(listen) {
  const target = new EventTarget();
  const log = [];
  listen(target, log);
  for (const each of data) {
    target.dispatchEvent(new MessageEvent("message", { data: each, lastEventId: each }));
    await undefined;
  }
  return log;
}

const names = [...Object.keys(MessageEvent.prototype), ...Object.keys(Event.prototype)].filter(
  (name) => !["origin", "timeStamp", "ports", "initMessageEvent"].includes(name),
);

/** All that a program can read of it. */
function membersOf(event, target) {
  const show = (value) => (value === target ? "the target" : value);
  return names.map((name) => {
    const value = event[name];
    if (typeof value !== "function") return [name, show(value)];
    return [name, value.length === 0 && name === "composedPath" ? value.call(event).map(show) : "a method"];
  });
}

/** By what is seen: listens, and logs. */
const cases = {
  "listeners are called in their order, with the target as `this`"(target, log) {
    target.addEventListener("message", function ({ data }) {
      log.push(["first", this === target, data]);
    });
    target.addEventListener("message", ({ data }) => log.push(["second", data]));
    target.addEventListener("other", () => log.push("never"));
  },
  "a listener that is added twice is called once, and not at all when it is removed"(target, log) {
    const twice = ({ data }) => log.push(["twice", data]);
    const gone = () => log.push("gone");
    for (const listener of [twice, gone, twice, gone, null]) target.addEventListener("message", listener);
    target.removeEventListener("message", gone);
    target.removeEventListener("message", twice, { capture: true }); // another listener, of which there is none
  },
  "a listener that is removed by an earlier one is not called any more"(target, log) {
    const second = ({ data }) => log.push(["second", data]);
    target.addEventListener("message", ({ data }) => {
      log.push(["first", data]);
      if (data === "2") target.removeEventListener("message", second);
    });
    target.addEventListener("message", second);
  },
  "a listener that removes itself and comes back is the last"(target, log) {
    const first = ({ data }) => {
      log.push(["first", data]);
      target.removeEventListener("message", first);
      queueMicrotask(() => target.addEventListener("message", first));
    };
    target.addEventListener("message", first);
    target.addEventListener("message", ({ data }) => log.push(["second", data]));
  },
  "stopImmediatePropagation() spares the later ones"(target, log) {
    target.addEventListener("message", (event) => {
      event.stopPropagation();
      log.push(["first", event.data, event.cancelBubble]);
      if (event.data === "2") event.stopImmediatePropagation();
    });
    target.addEventListener("message", ({ data, cancelBubble }) => log.push(["second", data, cancelBubble]));
  },
  "listeners with options, and objects, are called among the others"(target, log) {
    const aborted = new AbortController();
    target.addEventListener("message", ({ data }) => log.push(["function", data]));
    target.addEventListener("message", ({ data }) => log.push(["once", data]), { once: true });
    target.addEventListener("message", ({ data }) => log.push(["signal", data]), { signal: aborted.signal });
    target.addEventListener("message", {
      handleEvent({ data }) {
        log.push(["object", data]);
        if (data === "2") aborted.abort();
      },
    });
  },
  "a listener with options comes in the middle of the stream"(target, log) {
    let isThere = false;
    target.addEventListener("message", ({ data }) => {
      log.push(["function", data]);
      if (isThere) return;
      isThere = true;
      queueMicrotask(() => target.addEventListener("message", ({ data }) => log.push(["once", data]), { once: true }));
    });
  },
  "a listener that is added by EventTarget's own method is called"(target, log) {
    target.addEventListener("message", ({ data }) => log.push(["first", data]));
    EventTarget.prototype.addEventListener.call(target, "message", ({ data }) => log.push(["second", data]));
  },
  "a message that is being dispatched cannot be dispatched once more"(target, log) {
    target.addEventListener("message", (event) => {
      try {
        log.push(event.data);
        target.dispatchEvent(event);
      } catch {
        log.push("refused");
      }
    });
  },
  "a message that is stopped once it was dispatched is not being dispatched again"(target, log) {
    const again = new EventTarget();
    again.addEventListener("message", ({ data, cancelBubble }) => log.push(["again", data, cancelBubble]));
    target.addEventListener("message", (event) =>
      queueMicrotask(() => {
        event.stopPropagation();
        log.push([event.currentTarget, event.eventPhase, event.cancelBubble]);
        again.dispatchEvent(event);
        log.push([event.currentTarget, event.eventPhase]);
      }),
    );
  },
  "a message that is stopped before another target dispatches it reaches no listener there"(target, log) {
    const again = new EventTarget();
    again.addEventListener("message", ({ data }) => log.push(["again", data]));
    target.addEventListener("message", (event) =>
      queueMicrotask(() => {
        log.push(event.data);
        if (event.data === "2") event.stopImmediatePropagation();
        again.dispatchEvent(event);
      }),
    );
  },
  "another target does not dispatch a message that is being dispatched"(target, log) {
    const again = new EventTarget();
    again.addEventListener("message", () => log.push("again"));
    target.addEventListener("message", (event) => {
      try {
        again.dispatchEvent(event);
      } catch {
        log.push(["refused", event.data, event.target === target]);
      }
    });
  },
  "stopImmediatePropagation() spares the later listeners of another target, too"(target, log) {
    const again = new EventTarget();
    again.addEventListener("message", (event) => {
      log.push(["first", event.data, event.currentTarget === again]);
      if (event.data === "2") event.stopImmediatePropagation();
    });
    again.addEventListener("message", ({ data }) => log.push(["second", data]));
    target.addEventListener("message", (event) => queueMicrotask(() => again.dispatchEvent(event)));
  },
  "a message has the platform's members while it is dispatched, and afterwards"(target, log) {
    target.addEventListener("message", (event) => {
      log.push(membersOf(event, target));
      event.preventDefault();
      queueMicrotask(() => log.push(membersOf(event, target)));
    });
  },
};

for (const [name, listen] of Object.entries(cases)) {
  test(name, async (context) => {
    const expected = await loggedOfTarget(listen);
    assert.ok(expected.length >= data.length);
    assert.deepEqual(await loggedOfSource(context, listen), expected);
  });
}

test("a message that is dispatched once more, by another target, says so", async (context) => {
  const log = await loggedOfSource(context, (source, log) => {
    const again = new EventTarget();
    again.addEventListener("message", (event) => log.push([event.target === again, event.currentTarget === again]));
    source.addEventListener("message", (event) => queueMicrotask(() => again.dispatchEvent(event)));
  });
  assert.deepEqual(log, Array(3).fill([true, true]));
});

test("the console shows what is in a message", async (context) => {
  const [shown] = await loggedOfSource(context, (source, log) => {
    source.addEventListener("message", (event) => log.push(inspect(event)));
  });
  assert.match(shown, /^MessageEvent \{.*data: '1'.*\}$/s);
});

const packageFile = fileURLToPath(new URL("../../client-wasm/dist/node.js", import.meta.url));

/** The lines that a program prints which has the package as `millrace`, and the URL of the stream. */
async function outputOf(context, program) {
  const server = await serve(streams({ body, open: true }));
  context.after(() => server.close());
  const script = `const url = ${JSON.stringify(server.origin)}; ${program.replace("millrace", packageFile)}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return (await text(child.stdout)).trim().split("\n");
}

test("where a program has replaced addEventListener(), messages take the way that it has made", async (context) => {
  const lines = await outputOf(
    context,
    `const { addEventListener } = EventTarget.prototype;
     EventTarget.prototype.addEventListener = function (type, listener, ...rest) {
       const wrapped = (event) => { if (type === "message") console.log("in the zone"); listener.call(this, event); };
       addEventListener.call(this, type, wrapped, ...rest);
     };
     const { EventSource } = await import("millrace");
     const source = new EventSource(url);
     source.onmessage = ({ data }) => { console.log(data); if (data === "3") source.close(); };`,
  );
  assert.deepEqual(
    lines,
    data.flatMap((each) => ["in the zone", each]),
  );
});

test("where events are not Node.js's own, as in a simulated page, messages are such events", async (context) => {
  const lines = await outputOf(
    context,
    `const target = Symbol("target");
     globalThis.Event = class {
       constructor(type) { this.type = type; }
       get target() { return this[target]; }
     };
     globalThis.MessageEvent = class extends Event {};
     globalThis.EventTarget = class {
       listeners = [];
       addEventListener(type, listener) { this.listeners.push({ type, listener }); }
       removeEventListener() {}
       dispatchEvent(event) {
         event[target] = this;
         for (const { type, listener } of this.listeners) if (type === event.type) listener.call(this, event);
         return true;
       }
     };
     const { EventSource } = await import("millrace");
     const source = new EventSource(url);
     source.onerror = ({ message }) => { console.log(message); process.exit(); };
     source.onmessage = (event) => {
       console.log(event.data, event.target === source, event instanceof MessageEvent);
       if (event.data === "3") source.close();
     };`,
  );
  assert.deepEqual(
    lines,
    data.map((each) => `${each} true true`),
  );
});

test("what a listener throws, or its promise, is an uncaught exception, and the others are called", async (context) => {
  const lines = await outputOf(
    context,
    `import { EventSource } from "millrace";
     process.on("uncaughtException", ({ message }) => console.log(message));
     const source = new EventSource(url);
     source.addEventListener("message", ({ data }) => { throw new Error("thrown " + data); });
     source.addEventListener("message", async ({ data }) => { throw new Error("rejected " + data); });
     source.addEventListener("message", ({ data }) => console.log(data));
     source.addEventListener("end", () => source.close());`,
  );
  assert.deepEqual(lines.sort(), data.flatMap((each) => [each, `rejected ${each}`, `thrown ${each}`]).sort());
});
