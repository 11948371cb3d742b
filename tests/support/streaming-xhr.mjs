// XMLHttpRequest for Node.js, as far as a transport may use it: `responseText` grows while the response comes.

import http from "node:http";
import { StringDecoder } from "node:string_decoder";

export class StreamingXhr {
  readyState = 0;
  status = 0;
  responseText = "";
  responseURL = "";
  #headers = {};
  #decoder = new StringDecoder("utf8");

  open(method, url) {
    this.method = method;
    this.responseURL = `${url}`;
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  getResponseHeader(name) {
    return this.response.headers[name.toLowerCase()] ?? null;
  }

  send(body) {
    const { method, responseURL } = this;
    if (!responseURL.startsWith("http:")) return void setImmediate(() => this.#fail());
    this.request = http.request(responseURL, { method, headers: this.#headers, agent: false });
    this.request.on("error", () => this.#fail());
    this.request.on("response", (response) => {
      this.response = response;
      this.status = response.statusCode;
      this.#move(2);
      response.on("error", () => this.#fail());
      response.on("data", (chunk) => {
        this.responseText += this.#decoder.write(chunk);
        this.#move(3);
      });
      response.on("end", () => this.#move(4));
    });
    this.request.end(body ?? undefined);
  }

  abort() {
    this.readyState = 0;
    this.onerror = undefined;
    this.request?.destroy();
  }

  #move(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }

  #fail() {
    this.readyState = 4;
    this.status = 0;
    this.onerror?.();
  }
}
