// The container recipes of docs/deploy: each is YAML, and the program takes the options that it gets there.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { millraceProgram, root, withoutOptions } from "../support/millrace-server.mjs";

const read = (name) => readFileSync(join(root, "docs/deploy", name), "utf8");

/** What `serve --check-config` says of these arguments and variables. Files of keys are in a folder of the test's. */
function accepts(context, args, variables) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-deployment-"));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "publish-keys"), "a-key-of-this-test\n");
  const here = (text) => text.replace(/^\/run\/secrets(?:\/millrace)?/, folder);
  const { status, stderr } = spawnSync(millraceProgram(), [...args.map(here), "--check-config"], {
    encoding: "utf8",
    env: {
      ...withoutOptions(process.env),
      ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, here(value)])),
    },
  });
  assert.equal(status, 0, stderr);
  return stderr;
}

test("the compose file starts the program with options that it has", (context) => {
  const { services, volumes, secrets } = parse(read("compose.yaml"));
  const { command, environment, volumes: mounts, secrets: used } = services.millrace;
  accepts(context, command, environment);
  for (const mount of mounts) assert.ok(mount.split(":")[0] in volumes, mount);
  for (const secret of used) assert.ok(secret in secrets, secret);
});

test("the Kubernetes manifests start the program with options that it has, and fit together", (context) => {
  const documents = parseAllDocuments(read("kubernetes.yaml"), { uniqueKeys: true });
  for (const { errors, warnings } of documents) assert.deepEqual([...errors, ...warnings], []);
  const objects = documents.map((one) => one.toJS());
  const of = (kind) => objects.find((one) => one.kind === kind);
  const { spec } = of("Deployment").spec.template;
  const [container] = spec.containers;
  const store = "postgres://millrace@db/millrace";
  const variables = Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? store]));
  const warnings = accepts(context, container.args, variables);
  assert.doesNotMatch(warnings, /insecure/);

  // The probes send a name that the server knows.
  const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]));
  assert.deepEqual(ports, { http: 8080, admin: 9090 });
  for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) {
    assert.ok(httpGet.port in ports);
    assert.deepEqual(httpGet.httpHeaders, [{ name: "Host", value: variables.MILLRACE_ALLOWED_HOST }]);
  }
  // The pod lives longer than it drains.
  const drain = Number(container.args[container.args.indexOf("--drain") + 1]);
  assert.ok(spec.terminationGracePeriodSeconds > drain + container.lifecycle.preStop.sleep.seconds);
  assert.equal(spec.enableServiceLinks, false);

  const labels = of("Deployment").spec.template.metadata.labels;
  for (const { kind, spec: its } of objects) {
    const selector = its.podSelector ?? its.selector;
    if (selector) assert.deepEqual(selector.matchLabels ?? selector, labels, kind);
    if (its.scaleTargetRef) assert.equal(its.scaleTargetRef.name, of("Deployment").metadata.name);
  }
  assert.ok(spec.securityContext.runAsNonRoot && container.securityContext.readOnlyRootFilesystem);
});
