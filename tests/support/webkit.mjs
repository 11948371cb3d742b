// Debian's WebKitGTK, in its MiniBrowser on a display of its own, driven by W3C WebDriver. Its pages have what runInPage()
// uses; there is one window, so that one page is open at a time.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Builder, Capabilities } from "selenium-webdriver";
import { freePort } from "./free-port.mjs";
import { overTls } from "./test-tls.mjs";
import { until, within } from "./until.mjs";

const startTimeout = 60_000;

/** Starts a program that ends with this one, however that ends. */
const start = (program, args, options) => spawn("setpriv", ["--pdeathsig", "TERM", program, ...args], options);

/** See runInPage(). What is said here of the browser, client-wasm/README.md says to its users. */
export const differences = [
  {
    tests: /sends an ID back as UTF-8|(fetch|xhr|poll): goes on from a given ID/,
    reason: "WebKitGTK encodes the bytes of a header that are not ASCII a second time",
  },
  {
    tests: /(fetch|xhr|poll): comes back when the connection breaks/,
    reason: "WebKitGTK tells scripts of a broken connection as of an orderly end",
  },
  {
    tests: /native: what waits is bounded in characters/,
    reason: "WebKitGTK's EventSource does not hand out five events of 10 MB each within 10 s",
  },
  ...(overTls
    ? [
        {
          tests: /^through four cuts .* over (fetch|native)( --gzip)?$|: comes back when the connection breaks/,
          reason: "over HTTP/2, WebKitGTK does not report a lost connection: only the package's watchdog notices it",
        },
      ]
    : []),
];

export async function launchWebKit() {
  const display = start("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const [number] = await within(started(display, once(display.stdio[3], "data")), "Xvfb to start", startTimeout);
  const port = await freePort();
  const driver = start("WebKitWebDriver", [`--port=${port}`], {
    stdio: "ignore",
    // WebKit's own sandbox wants user namespaces, which root in a container may not have. What it shows here is ours.
    env: {
      ...process.env,
      DISPLAY: `:${String(number).trim()}`,
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      WEBKIT_DISABLE_COMPOSITING_MODE: "1",
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(`${url}/status`).then(
      ({ ok }) => ok,
      () => false,
    );
  await started(driver, until(answers, "WebKitWebDriver to answer", startTimeout));
  const capabilities = new Capabilities({
    browserName: "MiniBrowser",
    "webkitgtk:browserOptions": { binary: miniBrowser(), args: ["--automation"] },
  });
  capabilities.setAcceptInsecureCerts(overTls);
  const session = await within(
    new Builder().usingServer(url).withCapabilities(capabilities).build(),
    "WebKitGTK to start",
    startTimeout,
  );
  return {
    newPage: async () => new Page(session),
    async close() {
      await session.quit();
      driver.kill();
      display.kill();
    },
  };
}

/** Waits for `ready`, or fails with why the program could not be started or has ended. */
function started(program, ready) {
  const failure = new Promise((_, reject) => {
    program.once("error", reject);
    program.once("exit", (code) => reject(new Error(`${program.spawnargs.join(" ")} ended with ${code}`)));
  });
  failure.catch(() => {});
  return Promise.race([ready, failure]);
}

/** Debian has it in a folder named after the version of the library's interface. */
function miniBrowser() {
  const libraries = `/usr/lib/${{ x64: "x86_64", arm64: "aarch64" }[process.arch]}-linux-gnu`;
  const folders = readdirSync(libraries).filter((name) => name.startsWith("webkit2gtk-4."));
  if (folders.length === 0) throw new Error(`no webkit2gtk-4.* in ${libraries}: install webkit2gtk-driver`);
  return `${libraries}/${folders.sort().at(-1)}/MiniBrowser`;
}

class Page {
  #session;

  constructor(session) {
    this.#session = session;
  }

  goto(url) {
    return this.#session.get(url);
  }

  reload() {
    return this.#session.navigate().refresh();
  }

  /** What a script comes to, or the promise that it ends with. Others may be asked for while it is awaited. */
  async evaluate(script) {
    const index = await this.#session.executeScript(
      `const results = (globalThis.results ??= []);
      const index = results.push(undefined) - 1;
      const settle = (settled) => { results[index] = settled; };
      new Promise((resolve) => resolve((0, eval)(arguments[0]))).then(
        (value) => settle({ value, isUndefined: value === undefined }),
        (error) => settle({ error: String(error) }),
      );
      return index;`,
      script,
    );
    while (true) {
      const settled = await this.#session.executeScript("return globalThis.results[arguments[0]]", index);
      if (settled?.error) throw new Error(settled.error);
      if (settled) return settled.isUndefined ? undefined : settled.value;
      await delay(5);
    }
  }

  /** The value of an expression, also where the page's policy forbids what evaluate() does. */
  read(expression) {
    return this.#session.executeScript(`return (${expression})`);
  }

  /** Leaves it, which closes its connections. */
  close() {
    return this.#session.get("about:blank");
  }
}
