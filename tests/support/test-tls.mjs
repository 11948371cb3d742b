// TLS for tests in browsers: with MILLRACE_BROWSER_TLS=1 their servers speak HTTP/2 over it, with a certificate of an
// authority that is made when the tests begin.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const overTls = process.env.MILLRACE_BROWSER_TLS === "1";

let made;

/** The PEM files `authority`, `chain` and `key`, for localhost and 127.0.0.1; they are gone when the process ends. */
export function testCertificate() {
  made ??= makeCertificate();
  return made;
}

function makeCertificate() {
  const folder = mkdtempSync(join(tmpdir(), "millrace-ca-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = (name) => join(folder, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    ...["req", "-x509", ...curve, "-keyout", file("ca.key"), "-out", file("authority"), "-days", "2"],
    ...["-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign"],
  );
  openssl("req", ...curve, "-keyout", file("key"), "-out", file("csr"), "-subj", "/CN=localhost");
  writeFileSync(file("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
  openssl(
    ...["x509", "-req", "-in", file("csr"), "-CA", file("authority"), "-CAkey", file("ca.key"), "-CAcreateserial"],
    ...["-days", "2", "-extfile", file("names"), "-out", file("chain")],
  );
  return { authority: file("authority"), chain: file("chain"), key: file("key") };
}

/** What `fetch(url, { method, headers, body })` comes to, as `{ ok, status, text }`; trusts the test's authority. */
export function fetchOverTls(url, { method = "GET", headers = {}, body = "" } = {}) {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers, "Content-Length": Buffer.byteLength(body) } };
    const sent = request(url, { ...options, ca: readFileSync(testCertificate().authority) }, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      const status = response.statusCode;
      resolve({ ok: status >= 200 && status < 300, status, text: async () => Buffer.concat(chunks).toString() });
    });
    sent.on("error", reject).end(body);
  });
}
