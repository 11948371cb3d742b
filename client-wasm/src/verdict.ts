// What is made of a status other than 200, by what the options say.

import { Verdict } from "./abi.js";
import type { RequestOptions } from "./types.js";

/** To be asked about every response; rejects if what it asks for fails. */
export function verdictBy({ onUnauthorized, retry }: RequestOptions): (status: number) => Promise<Verdict> {
  let hasRenewed = false;
  return async (status) => {
    if (status === 401 && onUnauthorized && !hasRenewed) {
      await onUnauthorized();
      hasRenewed = true;
      return Verdict.mended;
    }
    if (status === 200) hasRenewed = false;
    const again = status !== 200 && retry?.on?.(status);
    return again ? Verdict.retry : again === false && status !== 200 ? Verdict.fail : Verdict.none;
  };
}
