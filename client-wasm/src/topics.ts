// The topics of a connection, changed while it is open: at the server, which keeps the stream's place, or by a reconnection
// from the last ID.

import type { Plan } from "./connect-options.js";
import type { CoreConnection } from "./connection.js";
import { headersOf } from "./transports/fetch.js";

/** How long the server has to answer, in milliseconds; then the connection is made again. */
const maxWait = 10_000;

/** Parameters of the subscription itself; what else the URL has may be for the server's authorizer. */
const own = new Set(["topic", "lastEventId", "client", "mode", "cursor", "fields", "envelope", "conflate"]);

/** What is changed. */
export interface Changeable {
  readonly plan: Plan;
  /** undefined: it is closed. */
  connection(): CoreConnection | undefined;
  /** The server has refused, with this status. */
  refused(message: string, status: number): Error;
}

const topicsIn = (url: string): string[] => new URL(url).searchParams.getAll("topic");

/**
 * One change after the other. Rejects if the server refuses, and then leaves the topics as they were. Without `add`: the
 * connection has been made again, and state is asked for again of which nobody knows whether it had come.
 */
export function changeTopics(owner: Changeable, add?: string[], remove: string[] = []): Promise<void> {
  if (add) return queue(owner, () => makeChange(owner, add, remove));
  const topics = topicsIn(owner.plan.url);
  const unsure = (owner.plan.unsure ?? []).filter((topic) => topics.includes(topic));
  delete owner.plan.unsure;
  if (unsure.length === 0) return Promise.resolve();
  return queue(owner, () => makeChange(owner, unsure, [], true)).catch(() => {});
}

function queue({ plan }: Changeable, change: () => Promise<void>): Promise<void> {
  const done = (plan.changing ?? Promise.resolve()).then(change);
  plan.changing = done.catch(() => {});
  return done;
}

async function makeChange(owner: Changeable, add: string[], remove: string[], isAgain = false): Promise<void> {
  const { plan } = owner;
  for (const topic of [...add, ...remove]) {
    if (typeof topic !== "string") throw new TypeError(`connect: a topic must be a string, not ${topic}`);
  }
  if (plan.options.share) {
    throw new TypeError('connect: topics cannot be changed with "share": other pages have the same connection');
  }
  const connection = owner.connection();
  if (!connection) throw new TypeError("connect: the connection is closed, so its topics cannot be changed");
  const before = topicsIn(plan.url);
  const after = [...new Set([...before.filter((topic) => !remove.includes(topic)), ...add])];
  if (after.length === 0) throw new TypeError("connect: no topic would be left; close the connection instead");
  if (`${after}` === `${before}` && !isAgain) return;
  const client = new URL(plan.url).searchParams.get("client");
  listenTo(plan, after);
  const isOpen = connection.readyState === 1 && /fetch|xhr/.test(connection.transport.name);
  const answer = client && isOpen ? await ask(plan, client, add, remove) : undefined;
  if (answer?.ok && add.length > 0 && plan.options.lastEventId === "latest") {
    plan.unsure = [...new Set([...(plan.unsure ?? []), ...add])];
  }
  if (answer?.ok || connection.readyState === 2) return;
  // Nothing else would come of asking again, and reconnecting would end a stream that may stay.
  if (answer && [400, 401, 403].includes(answer.status)) {
    const text = await answer.text().catch(() => "");
    listenTo(plan, before);
    if (connection.readyState !== 1) connection.restart();
    throw owner.refused(`${plan.url}: the server refused to change the topics: ${text.slice(0, 500)}`, answer.status);
  }
  // The next change finds the stream by this name.
  const name = drawName();
  if (!client) rename(plan, (params) => params.set("client", name));
  const fromLatest = plan.options.lastEventId === "latest" && add.length > 0;
  if (fromLatest) {
    delete plan.unsure;
    connection.lastEventId = "latest";
  }
  connection.restart();
}

function listenTo(plan: Plan, topics: string[]): void {
  rename(plan, (params) => {
    params.delete("topic");
    for (const topic of topics) params.append("topic", topic);
  });
}

function rename(plan: Plan, change: (params: URLSearchParams) => void): void {
  const changed = (address: string) => {
    const url = new URL(address);
    change(url.searchParams);
    return url.href;
  };
  plan.url = changed(plan.url);
  plan.request.url = changed(plan.request.url);
}

/** Whoever knows it can change the stream, where the server knows no user. */
function drawName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** undefined: there was no answer. */
async function ask(plan: Plan, client: string, add: string[], remove: string[]): Promise<Response | undefined> {
  const first = await send(plan, client, add, remove);
  const { onUnauthorized } = plan.options;
  if (first?.status !== 401 || !onUnauthorized) return first;
  await onUnauthorized();
  return send(plan, client, add, remove);
}

async function send({ request, options }: Plan, client: string, add: string[], remove: string[]) {
  const url = new URL(`subscriptions/${encodeURIComponent(client)}`, request.url);
  for (const [name, value] of new URL(request.url).searchParams)
    if (!own.has(name)) url.searchParams.append(name, value);
  const attempt = new AbortController();
  const timer = setTimeout(() => attempt.abort(), maxWait);
  try {
    const headers = new Headers(await headersOf(request));
    headers.set("Content-Type", "application/json");
    const lastEventId = options.lastEventId === "latest" && add.length > 0 ? "latest" : undefined;
    return await (request.fetch ?? fetch)(url.href, {
      method: "POST",
      headers,
      body: JSON.stringify({ add, remove, lastEventId }),
      credentials: request.withCredentials ? "include" : "same-origin",
      signal: attempt.signal,
    });
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
