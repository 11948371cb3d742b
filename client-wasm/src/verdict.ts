// Decides about statuses other than 200, by the options.

import type { Plan } from "./connect-options.js";
import type { ConnectionOwner } from "./connection.js";
import { Verdict } from "./shared-values.js";
import type { RequestOptions } from "./types.js";

/** Milliseconds. [RFC 9110 10.2.3] */
function waitOf(retryAfter: string): number {
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return wait > 0 ? Math.min(wait, 0x7fffffff) : 0;
}

/**
 * Returns the decision function for responses, which also keeps the first name of an answer in `plan`. If a function of the
 * options throws, the attempt has failed.
 */
export function verdictBy(
  { onUnauthorized, retry }: RequestOptions,
  plan: Pick<Plan, "answerName"> = {},
): NonNullable<ConnectionOwner["verdict"]> {
  let hasRenewed = false;
  const verdictOn = async (status: number) => {
    if (status === 200) hasRenewed = false;
    if (status === 401 && onUnauthorized && !hasRenewed) {
      await onUnauthorized();
      hasRenewed = true;
      return Verdict.mended;
    }
    const again = status === 200 ? undefined : retry?.on?.(status);
    return again === undefined ? Verdict.none : again ? Verdict.retry : Verdict.fail;
  };
  return async (answer) => {
    const wait = waitOf(answer.field?.("Retry-After") ?? "");
    plan.answerName ||= answer.field?.("Millrace-Answer");
    try {
      return [await verdictOn(answer.status), wait];
    } catch (error) {
      answer.excerpt = `${error}`;
      return [Verdict.retry, wait];
    }
  };
}
