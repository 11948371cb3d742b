// The same contestants in a page of Chromium: node bench/wasm/chromium.mjs [part of a title]

import * as esbuild from "esbuild";
import { launchChromium } from "../../tests/support/chromium.mjs";

const { outputFiles } = await esbuild.build({
  stdin: {
    contents: 'export { measureAll } from "./compare.mjs"',
    resolveDir: new URL(".", import.meta.url).pathname,
  },
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "bench",
  target: "es2022",
  platform: "browser",
  legalComments: "none",
  logLevel: "error",
  write: false,
  external: ["./wasm2js.js", "./extras.js"],
});
const browser = await launchChromium();
try {
  const page = await browser.newPage();
  page.on("console", (message) => console.log(message.text()));
  console.log(`Chromium ${browser.version()}`);
  await page.addScriptTag({ content: outputFiles[0].text });
  await page.evaluate((only) => bench.measureAll(only), process.argv[2]);
} finally {
  await browser.close();
}
