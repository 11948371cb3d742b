// The Helm chart of docs/deploy. Debian has no Helm: without one (MILLRACE_HELM, or helm in the path) the values are
// checked against their schema, and the templates are read without their actions, by one rule: a line with nothing but
// actions goes, and every other action becomes an x. With one, the chart is also rendered, and what comes out is checked.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import Ajv from "ajv";
import { parse, parseAllDocuments, stringify } from "yaml";
import { millraceProgram, root, startMillrace, withoutOptions } from "../support/millrace-server.mjs";

const chart = join(root, "docs/deploy/helm/millrace");
const read = (name) => readFileSync(join(chart, name), "utf8");
const helm = process.env.MILLRACE_HELM ?? "helm";
const hasHelm = spawnSync(helm, ["version"]).status === 0;

const values = parse(read("values.yaml"));
const isValid = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(
  JSON.parse(read("values.schema.json")),
);

/** The values, but for these: members of members, as Helm's --values has them. */
const but = (changes, of = values) => {
  const all = { ...of };
  for (const [name, value] of Object.entries(changes)) {
    const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
    all[name] = isObject ? but(value, of[name] ?? {}) : value;
  }
  return all;
};

const shared = { store: { existingSecret: "millrace" }, replicaCount: 3, keys: { existingSecret: "millrace-keys" } };
const everything = {
  ...shared,
  keys: { existingSecret: "millrace-keys", subscribe: "subscribe-keys", admin: "admin-keys" },
  trustedProxies: ["10.0.0.0/8", "fd00::/8"],
  allowedHosts: ["events.example.com", "events.example.org"],
  options: {
    "history-events": 500000,
    "history-bytes": 2000000000,
    "cors-origin": ["https://a.example", "https://b.example"],
    gzip: true,
  },
  autoscaling: { enabled: true },
  serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
  ingress: { enabled: true, tlsSecretName: "tls" },
  podAnnotations: { "example.com/a": "b" },
  nodeSelector: { disk: "ssd" },
  tolerations: [{ key: "a", operator: "Exists" }],
  affinity: { nodeAffinity: {} },
  imagePullSecrets: [{ name: "registry" }],
};
const onVolume = { persistence: { enabled: true, storageClassName: "fast" } };

test("the schema accepts the chart's own values, and what an operator sets", () => {
  for (const changes of [{}, shared, everything, onVolume])
    assert.ok(isValid(but(changes)), JSON.stringify(isValid.errors));
});

test("the schema refuses what cannot work", () => {
  for (const [changes, place] of [
    [{ replicaCount: 3 }, "/replicaCount"],
    [{ autoscaling: { enabled: true } }, "/autoscaling/enabled"],
    [{ ...shared, ...onVolume }, "/store/existingSecret"],
    [{ allowedHosts: [] }, "/allowedHosts"],
    [{ allowedHosts: ["https://events.example.com"] }, "/allowedHosts/0"],
    [{ replicas: 3 }, ""],
    [{ options: { MILLRACE_PORT: 1 } }, "/options"],
    [{ options: { port: 9000 } }, "/options"],
    [{ drainSeconds: "20s" }, "/drainSeconds"],
    [{ service: { type: "clusterIP" } }, "/service/type"],
  ]) {
    assert.equal(isValid(but(changes)), false, JSON.stringify(changes));
    assert.ok(
      isValid.errors.some(({ instancePath }) => instancePath === place),
      JSON.stringify(isValid.errors),
    );
  }
});

test("every value has a rule, and every rule a value", () => {
  const compare = (its, schema, place) => {
    assert.deepEqual(
      Object.keys(its).sort(),
      Object.keys(schema)
        .filter((name) => name !== "global")
        .sort(),
      place,
    );
    for (const [name, { properties }] of Object.entries(schema)) {
      if (properties) compare(its[name], properties, name);
    }
  };
  compare(values, JSON.parse(read("values.schema.json")).properties, "values.yaml");
});

const templates = readdirSync(join(chart, "templates")).filter((name) => name.endsWith(".yaml"));

/** By the rule above. */
const withoutActions = (text) =>
  text
    .split("\n")
    .filter((line) => !/^\s*(\{\{-?.*?-?\}\}\s*)+$/.test(line))
    .join("\n")
    .replace(/\{\{.*?\}\}/g, "x");

test("the templates are YAML around their actions, with blocks that are closed", () => {
  const kinds = [];
  for (const name of templates) {
    const text = read(`templates/${name}`);
    for (const document of parseAllDocuments(withoutActions(text), { uniqueKeys: true })) {
      assert.deepEqual([...document.errors, ...document.warnings], [], name);
      kinds.push(document.toJS().kind);
    }
    const count = (pattern) => [...text.matchAll(pattern)].length;
    assert.equal(count(/\{\{-? *(?:if|with|range|define) /g), count(/\{\{-? *end /g), name);
  }
  assert.deepEqual(kinds.sort(), [
    ...["HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service"],
    ...["ServiceMonitor", "x"],
  ]);
});

test("the templates name values, variables, metrics and routes that there are", async (context) => {
  const text = templates.map((name) => read(`templates/${name}`)).join("\n") + read("templates/NOTES.txt");
  for (const [, path] of text.matchAll(/\.Values\.([\w.]+)/g)) {
    const found = path.split(".").reduce((its, name) => its?.[name], values);
    assert.notEqual(found, undefined, `values.yaml has no ${path}`);
  }
  const table = execFileSync(millraceProgram(), ["serve", "--print-options"], {
    encoding: "utf8",
    env: withoutOptions(process.env),
  });
  const variables = [...text.matchAll(/name: (MILLRACE_\w+)/g)].map(([, name]) => name);
  assert.ok(variables.length >= 9, `${variables}`);
  for (const name of variables) assert.ok(table.includes(`\`${name}\``), name);
  for (const option of JSON.parse(read("values.schema.json")).properties.options.propertyNames.not.enum)
    assert.ok(table.includes(`\`--${option}\``), option);
  const server = await startMillrace();
  context.after(() => server.close());
  const metrics = await (await fetch(`${server.origin}/metrics`)).text();
  for (const [, name] of text.matchAll(/name: (millrace_\w+)/g)) assert.match(metrics, new RegExp(`^${name} `, "m"));
  for (const [, path] of text.matchAll(/path: (\/\w+)/g)) assert.ok((await fetch(server.origin + path)).ok, path);
});

// --- With Helm ---

const rendered = { skip: hasHelm ? false : "there is no helm here: Debian has none; MILLRACE_HELM names one" };

function render(context, changes) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-helm-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "values.yaml");
  writeFileSync(file, stringify(changes));
  const options = ["--values", file];
  const lint = spawnSync(helm, ["lint", "--strict", chart, ...options], { encoding: "utf8" });
  assert.equal(lint.status, 0, lint.stdout + lint.stderr);
  const output = execFileSync(helm, ["template", "events", chart, "--kube-version", "1.30.0", ...options], {
    encoding: "utf8",
  });
  const documents = parseAllDocuments(output, { uniqueKeys: true }).filter((one) => one.contents !== null);
  for (const { errors, warnings } of documents) assert.deepEqual([...errors, ...warnings], []);
  return documents.map((one) => one.toJS());
}

const secretValue = "postgres://millrace@db/millrace";

/** Has the program check what its container is given, with a folder of the test's in place of the secret's. */
function accepts(context, container) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-helm-keys-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const env = {};
  for (const { name, value = secretValue } of container.env) {
    assert.equal(name in env, false, `${name} twice`);
    assert.equal(typeof value, "string", name);
    env[name] = value.replace("/run/secrets/millrace", folder);
    if (/_KEY_FILE$/.test(name)) writeFileSync(env[name], `a-key-of-this-test-${name}\n`);
  }
  const { status, stderr } = spawnSync(millraceProgram(), [...container.args, "--check-config"], {
    encoding: "utf8",
    env: { ...withoutOptions(process.env), ...env },
  });
  assert.equal(status, 0, stderr);
  return env;
}

for (const [what, changes] of Object.entries({
  "no values": {},
  "a shared store": shared,
  everything,
  "a volume": onVolume,
})) {
  test(`rendered with ${what}, the objects fit together, and the program takes its options`, rendered, (context) => {
    const objects = render(context, changes);
    const of = (kind) => objects.find((one) => one.kind === kind);
    const servers = of(changes === onVolume ? "StatefulSet" : "Deployment");
    const { spec, metadata } = servers.spec.template;
    const [container] = spec.containers;
    const env = accepts(context, container);
    assert.equal(spec.terminationGracePeriodSeconds, 45);
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe, container.startupProbe])
      assert.deepEqual(httpGet.httpHeaders, [{ name: "Host", value: env.MILLRACE_ALLOWED_HOST.split(",")[0] }]);
    for (const { kind, spec: its } of objects) {
      if (kind === "ServiceMonitor") continue;
      const selector = its.podSelector ?? its.selector;
      for (const [name, value] of Object.entries(selector?.matchLabels ?? selector ?? {}))
        assert.equal(metadata.labels[name], value, `${kind}: ${name}`);
      if (its.scaleTargetRef) assert.equal(its.scaleTargetRef.name, servers.metadata.name);
    }
    const names = new Set(spec.volumes.map(({ name }) => name));
    for (const { metadata: claim } of servers.spec.volumeClaimTemplates ?? []) names.add(claim.name);
    for (const { name } of container.volumeMounts) assert.ok(names.has(name), name);
    if (changes !== everything) return;
    assert.equal(env.MILLRACE_HISTORY_BYTES, "2000000000", "no exponent");
    assert.equal(env.MILLRACE_CORS_ORIGIN, "https://a.example,https://b.example");
    assert.equal(servers.spec.replicas, undefined, "the autoscaler decides");
    const { selector } = of("ServiceMonitor").spec;
    const admin = objects.find((one) => one.kind === "Service" && /-admin$/.test(one.metadata.name));
    for (const [name, value] of Object.entries(selector.matchLabels)) assert.equal(admin.metadata.labels[name], value);
    assert.deepEqual(
      of("Ingress").spec.rules.map(({ host }) => host),
      everything.allowedHosts,
    );
  });
}

test("Helm refuses values that the schema refuses, with their place", rendered, () => {
  const { status, stderr } = spawnSync(
    helm,
    ["template", "events", chart, "--kube-version", "1.30.0", "--set", "replicaCount=3"],
    { encoding: "utf8" },
  );
  assert.notEqual(status, 0);
  assert.match(stderr, /replicaCount/);
});
