// stop(): asks the server to end the answer that a connection listens to.

import type { Plan } from "./connect-options.js";
import type { ConnectionError } from "./connection-error.js";
import { headersOf } from "./transports/fetch.js";

/** As much of a connection as stop() needs. */
interface Stoppable extends EventTarget {
  readonly readyState: number;
  readonly lastEventId: string;
}

/** The server's name for an answer: from the response's head, otherwise from the ID of an event, which is name:number. */
const nameOf = (answerName: Plan["answerName"], lastEventId: string) =>
  answerName || (/^(.+):\d+$/.exec(lastEventId)?.[1] ?? "");

/** The answer's URL: the connection's if that ends with the name, otherwise the one below it. */
function answerUrl(url: string, name: string): string {
  const target = new URL(url);
  const last = `/${encodeURIComponent(name)}`;
  if (!target.pathname.endsWith(last)) target.pathname = target.pathname.replace(/\/?$/, last);
  return target.href;
}

/**
 * The controller is aborted when the connection is closed. `Failure` is the caller's class, because this file is bundled apart
 * from it.
 */
export async function stopAnswer(
  connection: Stoppable,
  plan: Plan,
  { signal }: AbortController,
  Failure: typeof ConnectionError,
): Promise<void> {
  const { request, options } = plan;
  if (connection.readyState === 0 && !plan.answerName) {
    await new Promise((known) => {
      connection.addEventListener("open", known);
      signal.addEventListener("abort", known);
    });
  }
  const name = nameOf(plan.answerName, connection.lastEventId);
  if (!name) {
    const message = `${request.url}: nothing to stop: neither Millrace-Answer nor an event's ID names an answer`;
    throw new Failure(message, "status", 0);
  }
  if (options.stop) {
    await options.stop(name);
    return;
  }
  const url = answerUrl(request.url, name);
  const { fetch = globalThis.fetch, withCredentials } = request;
  const headers = new Headers(await headersOf(request));
  const credentials = withCredentials ? "include" : "same-origin";
  const { ok, status } = await fetch(url, { method: "DELETE", headers, credentials });
  if (!ok) throw new Failure(`${url}: the server did not stop the answer: status ${status}`, "status", status);
}
