// The documentation as a web site, by MkDocs: node tools/site.mjs [FOLDER], by default build/docs/site. A link that leads
// nowhere is an error. If the references are in build/docs (tools/docs.mjs), the site has them.
//
// The documents are written for GitHub. What MkDocs reads in another way is changed in a copy, build/docs/pages: names of
// headings, the indentation of lists, and links to files of the tree, which the site then has as text. If the demo is built
// (web-demo/dist), the site has it, too; it is live where `millrace serve --demo --web build/docs/site` serves the site.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** The pages, in the order of the menu, with their places in the tree. */
const chapters = {
  "Getting started": { index: "README.md", install: "docs/install.md", porting: "docs/porting.md" },
  Guides: Object.fromEntries(
    ["server", "client", "clients", "answers", "authorization", "webhooks", "stores", "operations"].map((name) => [
      name,
      `docs/${name}.md`,
    ]),
  ),
  Reference: Object.fromEntries(
    ["protocol", "reference", "cpp-httplib", "reliability", "benchmarks", "capacity", "findings"].map((name) => [
      name,
      `docs/${name}.md`,
    ]),
  ),
  Project: {
    architecture: "docs/architecture.md",
    security: "SECURITY.md",
    contributing: "CONTRIBUTING.md",
    changelog: "CHANGELOG.md",
  },
};
const pages = new Map(Object.values(chapters).flatMap(Object.entries));
const pageOf = new Map([...pages].map(([page, file]) => [resolve(file), page]));

/** As GitHub names a heading. */
const anchor = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

/** A document's parts, in fences and outside. */
const parts = (text) => text.split(/(^```.*?^```$)/gms);

const titleOf = (text) => /^# (.+?)(?: \{#\w+\})?$/m.exec(text)[1];

/** The first sentence of the first paragraph. */
const summaryOf = (text) => {
  const blocks = text.slice(text.indexOf("\n", text.search(/^# /m))).split(/\n\n+/);
  const paragraph = blocks.map((block) => block.trimEnd()).find((block) => /^\n*(?!```)[^\s!|#<-]/.test(block)) ?? "";
  const plain = paragraph.replace(/\s+/g, " ").replace(/\*\*|`|\[([^\]]*)\]\([^)]*\)/g, "$1");
  return (/^.{20,}?[.:](?= |$)/.exec(plain.trim())?.[0] ?? plain.trim()).slice(0, 200);
};

/** Lists as MkDocs reads them: after an empty line, and what belongs to an item by four blanks. */
function indentLists(text) {
  let offset = 0; // of what belongs to an item; 0 outside a list
  let before = "";
  const lines = text.split("\n").flatMap((line) => {
    const item = /^(?:[-*]|\d+\.) +/.exec(line);
    const blank = line.trim() === "";
    const result = [];
    if (item) {
      if (offset === 0 && before.trim() !== "") result.push("");
      offset = item[0].length;
    } else if (!blank && !line.startsWith(" ")) {
      offset = before.trim() === "" ? 0 : offset;
    }
    const belongs = offset > 0 && !item && line.startsWith(" ".repeat(offset));
    result.push(belongs ? " ".repeat(Math.max(0, 4 - offset)) + line : line);
    before = line;
    return result;
  });
  return lines.join("\n");
}

/** Links from a page: to other pages, and to files of the tree, which `needed` collects. */
function relink(text, file, needed) {
  return text.replace(/(!?\]\()([^)\s]+)(\))/g, (whole, begin, target, end) => {
    if (/^(https?:|#)/.test(target)) return whole;
    const [path, heading] = target.split("#");
    const at = resolve(dirname(file), path);
    const page = pageOf.get(at);
    if (page) return `${begin}${page}.md${heading ? `#${heading}` : ""}${end}`;
    const inTree = relative(".", at);
    needed.add(inTree);
    // A browser shows a source as text, and downloads what it does not know.
    const isShown = /\.(png|svg|json|txt)$/.test(inTree);
    const name = isShown ? inTree : statSync(at).isDirectory() ? `${inTree}/index.txt` : `${inTree}.txt`;
    return `${begin}tree/${name}${end}`;
  });
}

function writePage(folder, page, file, needed) {
  const text = parts(readFileSync(file, "utf8"))
    .map((part) => {
      if (part.startsWith("```")) return part;
      const named = part.replace(
        /^(#+) (.+?)(?: \{#\w+\})?$/gm,
        (_, level, heading) => `${level} ${heading} {#${anchor(heading)}}`,
      );
      return indentLists(relink(named, file, needed));
    })
    .join("");
  writeFileSync(join(folder, `${page}.md`), text);
}

/** A file of the tree as text; of a folder, its list. */
function copyFromTree(site, path) {
  const isFolder = statSync(path).isDirectory();
  const name = /\.(png|svg|json|txt)$/.test(path) ? path : isFolder ? `${path}/index.txt` : `${path}.txt`;
  const to = join(site, "tree", name);
  mkdirSync(dirname(to), { recursive: true });
  if (!isFolder) return cpSync(path, to);
  const { stdout } = spawnSync("git", ["ls-files", path], { encoding: "utf8" });
  writeFileSync(to, stdout);
}

/** [llms.txt](https://llmstxt.org): what there is, for programs that read, with the documents as they were written. */
function writeList(site) {
  let list = `# Millrace\n\n> ${summaryOf(readFileSync("README.md", "utf8"))}\n`;
  for (const [chapter, its] of Object.entries(chapters)) {
    list += `\n## ${chapter}\n\n`;
    for (const [page, file] of Object.entries(its)) {
      const text = readFileSync(file, "utf8");
      mkdirSync(join(site, "md"), { recursive: true });
      writeFileSync(join(site, "md", `${page}.md`), text);
      list += `- [${titleOf(text)}](md/${page}.md): ${summaryOf(text)}\n`;
    }
  }
  writeFileSync(join(site, "llms.txt"), list);
}

const demoPage = `# Live demo

The server that has this site publishes made-up data, and this frame shows one stream of it: cut the wire, and watch it resume.
[Open it on a page of its own](live/index.html).

<iframe src="live/index.html" title="The demo: live data on one stream" width="100%" height="900" style="border: 0"></iframe>

The demo needs \`millrace serve --demo --web build/docs/site\`. From another web server the page says that nothing answers;
\`./run demo\` shows it on your machine.
`;

function configuration(folder, site, { references, hasDemo }) {
  const navigation = Object.entries(chapters).map(([chapter, its]) => ({
    [chapter]: Object.keys(its).map((page) => `${page}.md`),
  }));
  if (references.length > 0) navigation.push("api.md");
  if (hasDemo) navigation.push("demo.md");
  return {
    site_name: "Millrace",
    docs_dir: resolve(folder),
    site_dir: resolve(site),
    use_directory_urls: false, // so that any web server will do, and a folder
    theme: { name: "mkdocs", highlightjs: false, nav_style: "dark" },
    markdown_extensions: ["attr_list", { toc: { permalink: true } }],
    plugins: ["search"],
    nav: navigation,
  };
}

export function buildSite(site = "build/docs/site", folder = "build/docs/pages", demo = "web-demo/dist") {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const needed = new Set();
  for (const [page, file] of pages) writePage(folder, page, file, needed);
  for (const path of needed) copyFromTree(folder, path);
  const references = [
    { name: "cpp", title: "C++: every public header" },
    { name: "npm", title: "npm: the package for browsers and Node.js" },
  ].filter(({ name }) => existsSync(`build/docs/${name}/index.html`));
  for (const { name } of references) cpSync(`build/docs/${name}`, join(folder, name), { recursive: true });
  const links = references.map(({ name, title }) => `- [${title}](${name}/index.html)\n`);
  if (links.length > 0) writeFileSync(join(folder, "api.md"), `# API\n\n${links.join("")}`);
  const hasDemo = existsSync(join(demo, "index.html"));
  if (hasDemo) {
    cpSync(demo, join(folder, "live"), { recursive: true });
    writeFileSync(join(folder, "demo.md"), demoPage);
  }
  const file = join(folder, "..", "mkdocs.yml");
  writeFileSync(file, JSON.stringify(configuration(folder, site, { references, hasDemo }), null, 2)); // JSON is YAML, too
  const { status, stdout, stderr, error } = spawnSync(
    "mkdocs",
    ["build", "--strict", "--quiet", "--config-file", file],
    {
      encoding: "utf8",
    },
  );
  if (error) throw new Error(`mkdocs cannot be run (Debian's package mkdocs): ${error.message}`);
  if (status !== 0) throw new Error(`mkdocs: ${stdout}${stderr}`);
  writeList(site);
  return site;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    console.log(`run: the site: ${buildSite(process.argv[2])}/index.html`);
  } catch (failure) {
    console.log(`run: the site could not be built: ${failure.message}`);
    process.exitCode = 1;
  }
}
