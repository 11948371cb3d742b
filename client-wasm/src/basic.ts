// A name and a password in a URL, which `fetch` refuses: they are sent as Basic.

import { headersOf, utf8AsLatin1 } from "./transports/fetch.js";
import type { Request } from "./transports/transport.js";

/** The URL without them, and the headers with them, if there are any; an Authorization among the headers goes first. */
export function withBasic(address: string, headers: Request["headers"]): Pick<Request, "url" | "headers"> {
  const url = new URL(address);
  const { username, password } = url;
  if (!username && !password) return { url: address, headers };
  url.username = url.password = "";
  const basic = btoa(utf8AsLatin1(decodeURIComponent(`${username}:${password}`)));
  const withThem = async () => {
    const given = new Headers(await headersOf({ url: address, withCredentials: false, headers }));
    if (!given.has("Authorization")) given.set("Authorization", `Basic ${basic}`);
    return given;
  };
  return { url: url.href, headers: withThem };
}
