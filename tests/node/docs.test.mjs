// What the documents name exists: files and headings behind links, commands and options in what is to be typed. What they
// show in C++ tests/docs compiles, what they show in JavaScript package.test.mjs.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { millraceProgram, root } from "../support/millrace-server.mjs";

function markdown(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(node_modules|build|dist|\..*)$/.test(entry.name) ? [] : markdown(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const documents = markdown(root).map((path) => {
  const text = readFileSync(path, "utf8");
  const blocks = [...text.matchAll(/^```([\w+]*)\n(.*?)^```$/gms)].map(([, language, content]) => ({
    language,
    content,
  }));
  return { path, name: relative(root, path), text, blocks, prose: text.replace(/^```.*?^```$/gms, "") };
});

/** As GitHub names a heading. */
const anchor = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

test("every link leads somewhere", () => {
  let links = 0;
  for (const { path, name, prose } of documents) {
    for (const [, target] of prose.replace(/`[^`\n]*`/g, "``").matchAll(/\]\(([^)\s]+)\)/g)) {
      ++links;
      if (/^https:/.test(target)) continue;
      const [file, heading] = target.split("#");
      const at = file ? join(dirname(path), file) : path;
      assert.ok(existsSync(at), `${name} links to ${target}, which is not there`);
      if (!heading) continue;
      const headings = [...readFileSync(at, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, text]) => anchor(text));
      assert.ok(headings.includes(heading), `${name} links to ${target}, a heading that is not there`);
    }
  }
  assert.ok(links >= 50, `${links} links: are they still found?`);
});

/** The lines a reader types: indented or in `sh` blocks, their continuations joined. */
const typed = documents.flatMap(({ name, text, blocks, prose }) => {
  const shell = blocks.filter(({ language }) => language === "sh").map(({ content }) => content);
  const indented = prose.split("\n").filter((line) => /^ {4}/.test(line));
  const lines = [...indented, ...shell.join("\n").split("\n")]
    .join("\n")
    .replace(/\\\n\s*/g, " ")
    .split("\n");
  const inline = [...text.matchAll(/`((?:millrace|\.\/run) [^`\n]+)`/g)].map(([, line]) => line);
  const commands = [...lines, ...inline].flatMap((line) => line.replace(/\s+#.*/, "").split(" | "));
  return commands.map((line) => ({ name, line: line.trim() }));
});

test("the program has the commands and options that the documents type", () => {
  const help = new Map();
  const helpOf = (command) => {
    if (!help.has(command))
      help.set(command, execFileSync(millraceProgram(), [command, "--help"], { encoding: "utf8" }));
    return help.get(command);
  };
  let lines = 0;
  for (const { name, line } of typed) {
    const command = /^(?:sudo )?millrace ([a-z]+)\b/.exec(line)?.[1];
    if (!command) continue;
    ++lines;
    for (const [, option] of line.matchAll(/(?<= )(--[a-z][a-z0-9-]*)/g))
      assert.match(helpOf(command), new RegExp(`${option}\\b`), `${name}: ${line}`);
  }
  assert.ok(lines >= 15, `${lines} lines: are they still found?`);
});

test("./run has the commands that the documents type", () => {
  const help = execFileSync(join(root, "run"), ["help"], { encoding: "utf8" });
  let lines = 0;
  for (const { name, line } of typed) {
    const command = /^(?:sudo )?(?:tests\/bare\/try\.sh )?\.\/run ([a-z]+)/.exec(line)?.[1];
    if (!command) continue;
    ++lines;
    assert.match(help, new RegExp(`^\\./run ${command}\\b`, "m"), `${name}: ${line}`);
  }
  assert.ok(lines >= 10, `${lines} lines: are they still found?`);
});

test("every example is in a language that a test reads", () => {
  for (const { name, blocks } of documents) {
    for (const { language, content } of blocks) {
      if (language === "json") JSON.parse(content);
      else if (language === "sh") execFileSync("bash", ["-n"], { input: content });
      else assert.match(language, /^(cpp|c\+\+|js|mjs|sql|svelte|tsx?|vue)$/, `${name}: a block of '${language}'`);
    }
  }
});
