// Sends a name and a password in a URL, which `fetch` refuses, as Basic credentials.

import { headersOf, utf8AsLatin1 } from "./transports/fetch.js";
import type { Request } from "./transports/transport.js";

/** Returns the URL without credentials, and the headers with them, unless the headers have an Authorization. */
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
