// The user's own `fetch`, which may be any function.

import type { Request } from "./transports/transport.js";

function checked(response: Response): Response {
  const { headers, body, status }: Partial<Response> = response ?? {};
  if (headers && (body ? body.getReader : body === null)) return response;
  throw Object.assign(new TypeError("Invalid response body, expected a web ReadableStream"), { status });
}

/**
 * The `fetch` of a Request. Its `init.headers` also have the fields as properties, so that `{ ...init.headers, … }`
 * works.
 */
export function withFetch(fetch: Request["fetch"]): Pick<Request, "fetch" | "checked"> {
  if (!fetch) return {};
  const spreadable: typeof fetch = (url, init) => {
    const headers = init?.headers as Headers;
    headers.forEach((value, name) => {
      Object.assign(headers, { [name]: value });
    });
    return fetch(url, init);
  };
  return { fetch: spreadable, checked };
}
