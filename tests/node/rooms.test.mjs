// The server's sources stand in one column of rooms, docs/architecture.md says which: every include points down.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { root } from "../support/millrace-server.mjs";

const source = join(root, "server/src");
const publicHeaders = join(root, "server/include/millrace/server");

/** The rooms from the top down, each with the public headers that are its. */
const rooms = [
  ...readFileSync(join(root, "docs/architecture.md"), "utf8").matchAll(/^\| `(\w+)\/` \|.*\|([^|]*)\|$/gm),
].map(([, name, headers]) => ({ name, headers: [...headers.matchAll(/`(\w+)`/g)].map(([, header]) => header) }));
/** The stores stand beside the column, on `log/` and on what they have in common; nothing in the column includes one. */
const stores = join(root, "server/stores");
const below = ["log", "base"];
const floor = (name) => rooms.findIndex((room) => room.name === name);
const roomOfHeader = (header) => rooms.find((room) => room.headers.includes(header))?.name;

const files = readdirSync(source, { recursive: true }).filter((name) => /\.(h|cpp)$/.test(name));

/** The room that a source includes from; nothing if it is not the server's. */
function roomOf(include, from) {
  const header = include.match(/^millrace\/server\/(?:stores\/|formats\/)?(\w+)\.h$/);
  if (header) return roomOfHeader(header[1]);
  const near = normalize(join(dirname(from), include));
  if (existsSync(join(source, near))) return near.split("/")[0];
  return existsSync(join(source, include)) ? include.split("/")[0] : undefined;
}

/** What is wrong with this text as the source `name`. */
function faults(name, text) {
  const own = name.split("/")[0];
  if (floor(own) < 0) return [`${name} stands in a room that docs/architecture.md does not have`];
  return [...text.matchAll(/^#include "([^"]+)"/gm)]
    .map(([, include]) => ({ include, room: roomOf(include, name) }))
    .filter(({ room }) => room !== undefined && floor(room) < floor(own))
    .map(({ include }) => `${name} includes ${include}, which stands above it`);
}

test("the map has all rooms and all public headers", () => {
  assert.ok(rooms.length > 10, `${rooms.length} rooms: is the table still found?`);
  const folders = readdirSync(source, { withFileTypes: true });
  assert.deepEqual(folders.map(({ name }) => name).sort(), rooms.map(({ name }) => name).sort());
  const headers = [...readdirSync(publicHeaders), ...readdirSync(join(publicHeaders, "formats"))]
    .filter((name) => name.endsWith(".h"))
    .map((name) => name.replace(/\.h$/, ""));
  assert.deepEqual(
    headers.filter((header) => roomOfHeader(header) === undefined),
    [],
  );
});

test("every include points down", () => {
  assert.ok(files.length > 100, `${files.length} sources: are they still found?`);
  assert.deepEqual(
    files.flatMap((name) => faults(name, readFileSync(join(source, name), "utf8"))),
    [],
  );
});

/** What is wrong with this text as the source `name` of a store. */
function storeFaults(name, text) {
  return [...text.matchAll(/^#include "([^"]+)"/gm)]
    .map(([, include]) => include)
    .filter((include) => {
      if (include.startsWith("stores/common/")) return false;
      if (/^(\.\.|stores)\//.test(include)) return true;
      const own = include.match(/^millrace\/server\/stores\/(\w+)\.h$/);
      if (own) return own[1] !== name.split("/")[0];
      if (existsSync(join(stores, dirname(name), include))) return false;
      const room = roomOf(include, "none/none");
      return room !== undefined && !below.includes(room);
    })
    .map(
      (include) => `stores/${name} includes ${include}: a store stands on stores/common/, ${below.join("/, ")}/ alone`,
    );
}

test("a store includes nothing above log/, and no other store", () => {
  const sources = readdirSync(stores, { recursive: true }).filter((name) => /\.(h|cpp)$/.test(name));
  assert.ok(sources.length > 20, `${sources.length} sources: are they still found?`);
  assert.deepEqual(
    sources.flatMap((name) => storeFaults(name, readFileSync(join(stores, name), "utf8"))),
    [],
  );
  assert.equal(
    storeFaults("sqlite/x.h", '#include "loop/event_loop.h"\n#include "millrace/server/server.h"\n').length,
    2,
  );
  const right = '#include "database.h"\n#include "log/turns.h"\n#include "stores/common/group_commit.h"\n';
  assert.equal(storeFaults("sqlite/x.h", right).length, 0);
  const another = '#include "../jetstream/store_address.h"\n#include "millrace/server/stores/jetstream.h"\n';
  for (const name of ["sqlite/x.h", "common/x.h"]) assert.equal(storeFaults(name, another).length, 2);
});

test("nothing in the column includes a store", () => {
  const including = files.filter((name) =>
    /^#include "(stores\/|millrace\/server\/stores\/)/m.test(readFileSync(join(source, name), "utf8")),
  );
  assert.deepEqual(including, []);
});

test("an include that points up, and a room that is not on the map, are found", () => {
  assert.equal(faults("log/frame.h", '#include "engine/engine.h"\n').length, 1);
  assert.equal(faults("log/frame.h", '#include "millrace/server/server.h"\n').length, 1);
  assert.equal(faults("log/frame.h", '#include "millrace/server/formats/responses.h"\n').length, 1);
  assert.equal(faults("log/frame.h", '#include "gzip_block.h"\n#include "base/failure.h"\n').length, 0);
  assert.equal(faults("helpers/text.h", "").length, 1);
});

test("cpp-httplib's insides are known in one room", () => {
  const insides = /httplib::detail|HttplibRoutes|std::regex|_sec_\b|svr_sock_|process_request\(/;
  const knowing = files.filter((name) => insides.test(readFileSync(join(source, name), "utf8")));
  assert.deepEqual(
    knowing.filter((name) => !name.startsWith("httplib/")),
    [],
  );
});

/** The unit tests stand in the rooms that they test; sockets and processes are for tests/integration. */
const unitTests = join(root, "tests/unit");
const tested = readdirSync(unitTests, { recursive: true }).filter((name) => /\.(h|cpp)$/.test(name));
const opening =
  /::socket(pair)?\(|posix_spawnp?\(|\bfork\(|#include "(running_server|raw_client|program|nats_server)\.h"/;

test("tests/unit mirrors the rooms", () => {
  const folders = new Set(
    tested.map((name) => dirname(name)).filter((name) => name.startsWith("server/") && !name.includes("must_not")),
  );
  assert.ok(folders.size > 5, `${folders.size} folders: are they still found?`);
  const inSource = (folder) => [folder, dirname(folder)].some((name) => name !== "." && existsSync(join(source, name)));
  const missing = [...folders]
    .map((folder) => folder.replace("server/", ""))
    .filter((folder) => !inSource(folder) && !existsSync(join(root, "server", folder)));
  assert.deepEqual(missing, []);
});

test("unit tests open no sockets and start no processes", () => {
  const found = tested.filter((name) => opening.test(readFileSync(join(unitTests, name), "utf8")));
  assert.deepEqual(found, []);
  assert.match("  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);", opening);
});

test("each of a newcomer's questions has a file that exists", () => {
  const text = readFileSync(join(root, "docs/architecture.md"), "utf8");
  const table = /^\| question \| file \|\n\|-*\|-*\|\n((?:\|.*\n)+)/m.exec(text)[1].trim().split("\n");
  for (const question of [
    "Where is a subscription decided?",
    "Where does a published event become bytes?",
    "Where is a slow reader cut?",
    "What uses cpp-httplib's internals?",
    "Where would I add a query parameter?",
    "Where would I add a store?",
  ]) {
    const row = table.find((line) => line.startsWith(`| ${question} |`));
    assert.ok(row, `${question} is not in the table`);
  }
  for (const row of table) {
    const links = [...row.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link);
    assert.ok(links.length > 0, `${row}: names no file`);
    for (const link of links) assert.ok(existsSync(join(root, "docs", link)), `${row}: ${link} does not exist`);
    // A member that the row names stands in the file before it.
    for (const [, link, member] of row.matchAll(/\]\(([^)]+)\)(?:,| decides,)? `(\w+)\(\)`/g)) {
      assert.match(readFileSync(join(root, "docs", link), "utf8"), new RegExp(`\\b${member}\\(`));
    }
  }
});

/** The public headers, by the name under which others include them. */
const include = join(root, "server/include");
const interfaces = new Map(
  readdirSync(include, { recursive: true })
    .filter((name) => name.endsWith(".h") && !name.includes("/testing/"))
    .map((name) => [name, readFileSync(join(include, name), "utf8")]),
);

/** Whether the header includes cpp-httplib, which has 100,000 lines with what it includes; itself, or through others. */
function reachesHttplib(name, seen = new Set()) {
  const text = interfaces.get(name);
  if (text === undefined || seen.has(name)) return false;
  seen.add(name);
  const includes = [...text.matchAll(/^#include [<"]([^>"]+)[>"]/gm)].map(([, included]) => included);
  return includes.some((included) => included === "httplib.h" || reachesHttplib(included, seen));
}

test("only the headers of the server itself include cpp-httplib; others declare what they refer to", () => {
  assert.ok(interfaces.size > 30, `${interfaces.size} headers: are they still found?`);
  const reaching = [...interfaces.keys()].filter((name) => reachesHttplib(name)).map((name) => name.split("/").at(-1));
  assert.deepEqual(reaching.sort(), ["built_with.h", "server.h", "ssl_server.h"]);
});
