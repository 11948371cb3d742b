// `millrace store`: a store is checked, backed up while its server runs, restored, and updated.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "millrace";
import { millraceProgram, startMillrace, withoutOptions } from "../support/millrace-server.mjs";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

function millrace(args, input = "") {
  const { status, stdout, stderr } = spawnSync(millraceProgram(), ["store", ...args], {
    input,
    encoding: "utf8",
    env: withoutOptions(process.env),
  });
  return { status, stdout, stderr };
}

// The stores that are kept on a disk.
const kinds = ["sqlite", "file"];

function folderFor(context) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-store-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The events after this ID, up to the one with the data "last". */
async function eventsAfter(server, lastEventId) {
  const events = [];
  for await (const event of connect(server.events, { topics: "**", lastEventId, traces: true })) {
    events.push(event);
    if (event.data === "last") return events;
  }
}

for (const kind of kinds)
  test(`a backup taken while the server runs is restored, and clients resume from any ID they have: ${kind}`, async (context) => {
    const folder = folderFor(context);
    const store = `${kind}:${join(folder, "events.db")}`;
    const restored = `${kind}:${join(folder, "restored.db")}`;
    const backup = join(folder, "backup.ndjson");

    const server = await startMillrace("--store", store);
    const [first] = await server.publish([
      { topic: "orders/1", event: "created", data: "two\nlines", id: "own-1", traceparent, tracestate: "congo=1" },
      { topic: "orders/2", data: { price: 5 }, retain: true },
      { topic: "orders/1", data: "", retry: 1234 },
    ]);
    const exported = millrace(["export", store, "--file", backup]);
    assert.equal(exported.status, 0, exported.stderr);
    assert.match(exported.stderr, /exported 3 entries/);
    assert.equal(statSync(backup).mode & 0o777, 0o600);
    const [lost] = await server.publish({ topic: "orders/1", data: "published after the backup" });
    await server.close();

    const lines = readFileSync(backup, "utf8").trim().split("\n").map(JSON.parse);
    assert.equal(lines.length, 5);
    const { time, publisher, ...created } = lines[1];
    assert.ok(Math.abs(Date.now() - time) < 60_000 && /^[0-9a-f]{32}$/.test(publisher));
    assert.deepEqual(created, {
      sequence: 1,
      topic: "orders/1",
      kind: "event",
      id: "own-1",
      type: "created",
      data: "two\nlines",
      traceparent,
      tracestate: "congo=1",
    });
    assert.equal(lines[2].retained, true);
    assert.equal(lines[3].retry, 1234);
    assert.deepEqual(lines[4], { end: true, entries: 3 });

    const imported = millrace(["import", restored, "--file", backup]);
    assert.equal(imported.status, 0, imported.stderr);
    const again = await startMillrace("--store", restored);
    context.after(() => again.close());
    const [repeated] = await again.publish({ topic: "orders/1", data: "again", id: "own-1" });
    assert.equal(repeated.repeated, true, "the publisher's own ID is still known");
    const [last] = await again.publish({ topic: "orders/1", data: "last" });
    const sequence = (id) => Number(id.slice(id.lastIndexOf("-") + 1));
    assert.ok(sequence(last.id) > sequence(lost.id), `${last.id} is not the ID of the lost event, ${lost.id}`);
    const all = await eventsAfter(again, "earliest");
    assert.deepEqual([all[0].traceparent, all[0].tracestate, all[1].traceparent], [traceparent, "congo=1", undefined]);
    assert.deepEqual(
      all.map(({ type, data }) => [type, data]),
      [
        ["created", "two\nlines"],
        ["message", '{"price":5}'],
        ["message", ""],
        ["message", "last"],
      ],
    );
    for (const [id, expected] of [
      [first.id, 3],
      [all[1].lastEventId, 2],
      [lost.id, 1], // what was lost is not replaced by something else
    ]) {
      const events = await eventsAfter(again, id);
      assert.deepEqual(
        events.map(({ data }) => data),
        all.slice(-expected).map(({ data }) => data),
        `after ${id}`,
      );
    }
  });

for (const kind of kinds)
  test(`events of several topics are backed up and restored with all of them: ${kind}`, async (context) => {
    const folder = folderFor(context);
    const store = `${kind}:${join(folder, "events.db")}`;
    const restored = `${kind}:${join(folder, "restored.db")}`;
    const backup = join(folder, "backup.ndjson");
    const server = await startMillrace("--store", store);
    await server.publish([
      { topic: ["a", "b/1", "c"], data: "old", id: "own-1", retain: true },
      { topic: "a", data: "new" },
    ]);
    assert.equal(millrace(["export", store, "--file", backup]).status, 0);
    await server.close();
    const lines = readFileSync(backup, "utf8").trim().split("\n").map(JSON.parse);
    assert.deepEqual(lines[1].topic, ["a", "b/1", "c"]);
    assert.equal(lines[1].retained, true);

    const imported = millrace(["import", restored, "--file", backup]);
    assert.equal(imported.status, 0, imported.stderr);
    const checked = millrace(["check", restored]);
    assert.match(checked.stdout, /^integrity {3}no damage found$/m);
    assert.match(checked.stdout, /2 retained topics$/m, "of a, there is a newer event");
    const again = await startMillrace("--store", restored);
    context.after(() => again.close());
    const [repeated] = await again.publish({ topic: ["c", "b/1"], data: "again", id: "own-1" });
    assert.equal(repeated.repeated, true);
    await again.publish({ topic: "last", data: "last" });
    const events = [];
    for await (const event of connect(again.events, { topics: ["a", "c", "last"], lastEventId: "latest" })) {
      events.push([event.topic, event.data]);
      if (event.data === "last") break;
    }
    assert.deepEqual(events, [
      ["c", "old"],
      ["a", "new"],
      ["last", "last"],
    ]);

    for (const topic of ['["a","a"]', "[]", '["a",1]', '["a*"]']) {
      const refused = millrace(
        ["import", `${kind}:${join(folder, "refused.db")}`],
        `{"millrace":"store","format":1,"epoch":"e","oldest":1,"head":1}\n{"sequence":1,"topic":${topic},"id":"e-1","data":"x"}\n`,
      );
      assert.match(refused.stderr, /:2: topic: expected a topic, or an array of different topics/, topic);
    }
  });

test("check says what a store is, also while its server runs, and finds damage", async (context) => {
  const folder = folderFor(context);
  const file = join(folder, "events.db");
  const server = await startMillrace("--store", `sqlite:${file}`);
  await server.publish(Array.from({ length: 500 }, () => ({ topic: "a", data: "x".repeat(200) })));
  const running = millrace(["check", `sqlite:${file}`]);
  assert.equal(running.status, 0, running.stderr);
  assert.match(running.stdout, /^tables {6}version \d+, this program's$/m);
  assert.match(running.stdout, /^log {9}epoch s[a-z0-9]{7}, 500 entries from 1, head 500, 0 retained topics$/m);
  assert.match(running.stdout, /^durability {2}(disk|process)$/m);
  assert.match(running.stdout, /^integrity {3}no damage found$/m);
  const taken = millrace(
    ["import", `sqlite:${file}`],
    '{"millrace":"store","format":1,"epoch":"e","oldest":1,"head":0}\n',
  );
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, /another program uses the store/);
  await server.close();

  const config = join(folder, "millrace.toml");
  writeFileSync(config, `[serve]\nstore = "sqlite:${file}"\nsync = "normal"\n`);
  const configured = millrace(["check", "--config", config]);
  assert.match(configured.stdout, /^durability {2}process$/m);

  const bytes = readFileSync(file);
  bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 8192);
  writeFileSync(file, bytes);
  const damaged = millrace(["check", `sqlite:${file}`]);
  assert.equal(damaged.status, 1);
  assert.match(damaged.stdout, /^DAMAGED/m);
});

test("check says what a store in files is, also while its server runs, and names the damaged byte", async (context) => {
  const store = join(folderFor(context), "events");
  const server = await startMillrace("--store", `file:${store}`);
  await server.publish(Array.from({ length: 500 }, () => ({ topic: "a", data: "x".repeat(200) })));
  await server.publish({ topic: "a", data: "last" });
  const running = millrace(["check", `file:${store}`]);
  assert.equal(running.status, 0, running.stderr);
  assert.match(running.stdout, /^log {9}epoch s[a-z0-9]{7}, 501 entries from 1, head 501, 0 retained topics$/m);
  assert.match(running.stdout, /^durability {2}(disk|process)$/m);
  assert.match(running.stdout, /^integrity {3}no damage found$/m);
  const head = '{"millrace":"store","format":1,"epoch":"e","oldest":1,"head":0}\n';
  assert.match(millrace(["import", `file:${store}`], head).stderr, /another program uses the store/);
  await server.close();

  const cut = millrace(["import", `file:${store}-new`], head);
  assert.equal(cut.status, 1, "the last line is missing");
  assert.doesNotMatch(cut.stderr, /file:/, "the text is at fault, not the store");
  assert.match(millrace(["check", `file:${store}-new`]).stderr, /has no files of a store/);

  const file = join(store, "00000000000000000001.log");
  const bytes = readFileSync(file);
  bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 8192);
  writeFileSync(file, bytes);
  const damaged = millrace(["check", `file:${store}`]);
  assert.equal(damaged.status, 1);
  assert.match(damaged.stderr, /0{19}1\.log is damaged at byte 104: /);
  const refused = spawnSync(millraceProgram(), ["serve", "--insecure", "--port", "0", "--store", `file:${store}`], {
    encoding: "utf8",
    env: withoutOptions(process.env),
  });
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /--store: cannot open the store "file:.*0{19}1\.log is damaged at byte 104: /);
});

test("an older store is updated once, after a rehearsal, and a newer one is refused by all", async (context) => {
  const file = join(folderFor(context), "events.db");
  const sql = (text) => spawnSync("sqlite3", [file, text], { encoding: "utf8" }).stdout.trim();
  const server = await startMillrace("--store", `sqlite:${file}`);
  await server.publish({ topic: "a", data: "x" });
  await server.close();
  // As version 3 had it.
  sql("DROP TABLE newest; DROP TABLE retained; DROP TABLE further; ALTER TABLE entries DROP COLUMN topics;");
  sql("ALTER TABLE entries DROP COLUMN digest; PRAGMA user_version = 3;");
  assert.match(
    millrace(["check", `sqlite:${file}`]).stdout,
    /version 3, this program's is 7: `millrace store migrate`/,
  );
  const rehearsed = millrace(["migrate", `sqlite:${file}`, "--dry-run"]);
  assert.equal(rehearsed.status, 0, rehearsed.stderr);
  assert.match(rehearsed.stdout, /rehearsing the update from version 3 to 7\nit works; nothing was changed/);
  assert.equal(sql("PRAGMA user_version"), "3");
  const updated = millrace(["migrate", `sqlite:${file}`]);
  assert.match(updated.stdout, /from version 3 to 7; older programs cannot open the store afterwards\ndone/);
  assert.equal(sql("PRAGMA user_version; SELECT topic FROM newest;"), "7\na");
  assert.match(millrace(["migrate", `sqlite:${file}`]).stdout, /^nothing to do/);

  sql("PRAGMA user_version = 8");
  for (const action of ["check", "migrate", "export"]) {
    const refused = millrace([action, `sqlite:${file}`]);
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      /a newer Millrace wrote the file \(file version 8, this program's version 7\): use that/,
    );
  }
});

test("a file that was cut off or changed is refused with its line, and nothing is stored", (context) => {
  const store = join(folderFor(context), "events.db");
  const head = '{"millrace":"store","format":1,"epoch":"e","oldest":1,"head":9}\n';
  const event = (fields) =>
    `${JSON.stringify({ sequence: 1, topic: "a", time: 0, id: "e-1", data: "x", ...fields })}\n`;
  const end = (entries) => `{"end":true,"entries":${entries}}\n`;
  for (const [text, problem] of [
    ["", /standard input:0: expected the first line/],
    ["hello\n", /:1: expected the first line of a file of millrace store export/],
    [head.replace('"format":1', '"format":2'), /:1: format: a newer version of Millrace/],
    [head + event({}), /:2: the last line, with the number of entries, is missing: the file was cut off/],
    [head + event({}) + end(2), /:3: entries: differs from the number in the file, 1/],
    [head + event({}) + event({}) + end(2), /:3: sequence: expected one after 1/],
    [head + event({ sequence: 10, id: "e-10" }) + end(1), /:2: sequence: beyond the head/],
    [head + event({ topic: "a/*" }) + end(1), /:2: topic: expected a topic/],
    [head + event({ data: 5 }) + end(1), /:2: data: expected text/],
    [head + event({ kind: "party" }) + end(1), /:2: kind: expected event, finish or begin/],
    [head + event({ type: "a\nb" }) + end(1), /:2: type or id/],
    [head + event({ payload: "?" }) + end(1), /:2: payload: expected base64/],
    [head + event({ payload: btoa("id: e-1\ndata: 1\n\ndata: 2\n\n") }) + end(1), /:2: payload: expected an event/],
    [head + event({ payload: btoa("id: e-1\ndata: 1\n\ndata: 2") }) + end(1), /:2: payload: expected an event/],
    [head + event({ id: "e-2" }) + end(1), /:2: id: expected e-1, or one that the log has not given/],
    [head.replace('"head":9', `"head":${2n ** 64n - 1n}`) + event({}) + end(1), /:1: head: expected a number below/],
    [head + event({ time: 1e18 }) + end(1), /:2: time/],
    [head.replace('"e"', '"\'; --"') + end(0), /epoch: expected 1 to 32 letters and digits/],
  ]) {
    const refused = millrace(["import", `sqlite:${store}`], text);
    assert.equal(refused.status, 1, text);
    assert.match(refused.stderr, problem);
    if (existsSync(store)) assert.match(millrace(["check", `sqlite:${store}`]).stdout, / 0 entries, head 0,/);
  }
  const taken = millrace(["import", `sqlite:${store}`], head + event({}) + end(1));
  assert.equal(taken.status, 0, taken.stderr);
});

for (const kind of kinds)
  test(`text that is not UTF-8 comes back byte for byte: ${kind}`, (context) => {
    const folder = folderFor(context);
    const payload = Buffer.from("id: e-1\ndata: \xff\xfe\n\n", "latin1").toString("base64");
    const head = '{"millrace":"store","format":1,"epoch":"e","oldest":1,"head":1}\n';
    const line = `${JSON.stringify({ sequence: 1, topic: "a", time: 5, payload })}\n`;
    millrace(["import", `${kind}:${folder}/a.db`], `${head + line}{"end":true,"entries":1}\n`);
    const { stdout } = millrace(["export", `${kind}:${folder}/a.db`]);
    assert.equal(JSON.parse(stdout.split("\n")[1]).payload, payload);
  });

test("what has no tables of Millrace is named with what to do", (context) => {
  const folder = folderFor(context);
  for (const [args, status, sentence] of [
    [["check"], 2, /STORE is missing: name one, such as sqlite:PATH/],
    [["check", "mysql://x:secret@h"], 2, /STORE: unknown store type "mysql"; expected sqlite:PATH/],
    [["check", "sqlite:"], 2, /STORE: the path is missing after "sqlite:"; expected sqlite:PATH/],
    [["check", "file:"], 2, /STORE: the folder is missing after "file:"; expected file:DIR/],
    [["check", `file:${folder}/missing`], 1, /cannot read the folder .*: No such file or directory/],
    [["check", `file:${folder}`], 1, /the folder has no files of a store/],
    [["check", "sqlite"], 2, /STORE: the path is missing after "sqlite:"; expected sqlite:PATH/],
    [
      ["check", "postgres:x:secret@h"],
      2,
      /STORE: \/\/HOST\/DATABASE is missing after "postgres:"; expected postgres:\/\//,
    ],
    [["export", "nats://127.0.0.1"], 2, /nats stream backup/],
    [["check", `sqlite:${folder}/missing.db`], 1, /unable to open database file/],
    [["check", `sqlite:${folder}/x.db`, "--dry-run"], 2, /--dry-run is for store migrate/],
    [["lose", "sqlite:x"], 2, /lose/],
  ]) {
    const refused = millrace(args);
    assert.equal(refused.status, status, refused.stderr);
    assert.match(refused.stderr, sentence);
    assert.doesNotMatch(refused.stderr, /secret/);
  }
});
