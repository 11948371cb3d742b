// The shape of an EventSource, as the standard's interface has it: attributes, methods, and what they take.

import { always } from "./http-server.mjs";

export const interfaceCases = [
  {
    name: "has the standard's shape",
    respond: always(""),
    async run(EventSource, base, { thrown }) {
      const source = new EventSource(new URL(`${base}/stream?a=b c#d`), { withCredentials: true });
      const plain = new EventSource(`${base}/stream`);
      source.close();
      plain.close();
      const constants = [EventSource, EventSource.prototype].map((holder) =>
        ["CONNECTING", "OPEN", "CLOSED"].map((name) => {
          const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(holder, name);
          return [value, writable, enumerable, configurable].join(" ");
        }),
      );
      const named = Object.keys(EventSource.prototype).filter((name) => !(name in EventTarget.prototype));
      const missing = new Set(Object.keys(EventTarget.prototype));
      for (const name in plain) missing.delete(name);
      return {
        constants,
        named: named.sort(),
        missing: [...missing],
        name: EventSource.name,
        length: EventSource.length,
        tag: Object.prototype.toString.call(source),
        isTarget: source instanceof EventTarget && source instanceof EventSource,
        url: source.url === `${base}/stream?a=b%20c#d`,
        credentials: [source.withCredentials, plain.withCredentials],
        noUrl: thrown(() => new EventSource()),
        badUrl: thrown(() => new EventSource("http://[")),
        notNew: thrown(() => EventSource("/stream")),
        brand: thrown(() => Object.getOwnPropertyDescriptor(EventSource.prototype, "url").get.call({})),
      };
    },
    expect: {
      constants: [
        ["0 false true false", "1 false true false", "2 false true false"],
        ["0 false true false", "1 false true false", "2 false true false"],
      ],
      named: [
        "CLOSED",
        "CONNECTING",
        "OPEN",
        "close",
        "onerror",
        "onmessage",
        "onopen",
        "readyState",
        "url",
        "withCredentials",
      ],
      missing: [],
      name: "EventSource",
      length: 1,
      tag: "[object EventSource]",
      isTarget: true,
      url: true,
      credentials: [true, false],
      noUrl: "TypeError",
      badUrl: "SyntaxError",
      notNew: "TypeError",
      brand: "TypeError",
    },
  },
  {
    name: "the URL is made a string as the standard does, and what follows it has to be an object",
    respond: always(""),
    async run(EventSource, base, { thrown }) {
      const made = [];
      const open = (...parameters) => {
        const source = new EventSource(...parameters);
        made.push(source);
        return source;
      };
      const url = `${base}/stream`;
      const results = [
        open({ toString: () => url }).url === url,
        open(url, null).withCredentials,
        open(url, undefined).withCredentials,
        open(url, { withCredentials: 1 }).withCredentials,
        open(url, () => {}).withCredentials,
        thrown(() => open(url, 5)),
        thrown(() => open(url, "init")),
        thrown(() => open(Symbol("url"))),
        thrown(() =>
          open({
            toString() {
              throw new RangeError("own");
            },
          }),
        ),
      ];
      for (const source of made) source.close();
      return results;
    },
    expect: [true, false, false, true, false, "TypeError", "TypeError", "TypeError", "RangeError"],
  },
  {
    name: "attributes, methods and their brand are those of an interface",
    respond: always(""),
    async run(EventSource, base, { thrown }) {
      const { prototype } = EventSource;
      const describe = (name) => {
        const { get, set, value, enumerable, configurable } = Object.getOwnPropertyDescriptor(prototype, name);
        const functions = [get, set, value].map((part) => part && `${part.name}/${part.length}`);
        return [...functions, enumerable, configurable].join(" ");
      };
      const names = ["url", "withCredentials", "readyState", "onopen", "onmessage", "onerror", "close"];
      const brands = [{}, null, undefined, new EventTarget(), prototype].flatMap((wrong) => [
        thrown(() => Object.getOwnPropertyDescriptor(prototype, "readyState").get.call(wrong)),
        thrown(() => Object.getOwnPropertyDescriptor(prototype, "onopen").set.call(wrong, null)),
        thrown(() => prototype.close.call(wrong)),
      ]);
      class Sub extends EventSource {}
      const sub = new Sub(`${base}/stream`);
      sub.close();
      return [
        names.map(describe),
        [...new Set(brands)],
        Object.getPrototypeOf(EventSource) === EventTarget,
        sub instanceof Sub && sub.url === `${base}/stream`,
      ];
    },
    expect: [
      [
        "get url/0   true true",
        "get withCredentials/0   true true",
        "get readyState/0   true true",
        "get onopen/0 set onopen/1  true true",
        "get onmessage/0 set onmessage/1  true true",
        "get onerror/0 set onerror/1  true true",
        "  close/0 true true",
      ],
      ["TypeError"],
      true,
      true,
    ],
  },
];
