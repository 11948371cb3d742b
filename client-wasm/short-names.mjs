// Short names for what nobody outside sees, which a bundler cannot find out: the exports of the module, and properties
// that only the package's own classes use. Names of the platform's or of the package's types must not be among the latter.

const internal = [
  ["broken", "commented", "contentType", "excerpt", "full", "identified", "instantiateNow", "mayReconnect"],
  ["forgotten", "heartbeat", "isFutile", "nextTimeout", "opened", "received", "tell"],
  ["verdict", "exported", "wait", "drop", "put", "lost", "listen", "failed"],
  ["eventOf", "fields", "act", "machine", "owner", "checked"],
  ["setAside", "takeBack", "networkBack", "answered", "arrived", "ended"],
].flat();

const regExpOf = (names) => new RegExp(`^(${names.join("|")})$`);

/** Of exports.txt's lines and the memory: a letter each. */
export function exportNames(lines) {
  const names = ["memory", ...lines.map((line) => line.slice(1))];
  return Object.fromEntries(names.map((name, index) => [name, String.fromCharCode(97 + index)]));
}

/** Behind the letters that the exports have. */
function internalNames(names) {
  const first = 97 + Object.keys(names).length;
  const letter = (index) => (first + index <= 122 ? "" : "_") + String.fromCharCode(97 + ((first + index - 97) % 26));
  return Object.fromEntries(internal.map((name, index) => [name, letter(index)]));
}

/** esbuild's options that rename what the package's TypeScript uses of the exports and, if `all`, what else is internal. */
export function manglingOf(names, all) {
  return {
    mangleProps: regExpOf([...Object.keys(names), ...(all ? internal : [])]),
    // All that is named, so that files which are bundled apart (extras.js) call it by one name.
    mangleCache: { ...names, ...(all ? internalNames(names) : {}) },
  };
}

const text = new TextDecoder();

/** The WebAssembly module `bytes` with its exports renamed; numbers in it are LEB128. */
export function renameExports(bytes, names) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const section = at;
    const id = bytes[at++];
    const end = number() + at;
    if (id === 7) {
      const content = [number()];
      while (at < end) {
        const length = number();
        const name = names[text.decode(bytes.subarray(at, at + length))];
        at += length;
        const kind = bytes[at++];
        const index = number();
        if (!name || index > 127)
          throw new Error("an export of the module is not in exports.txt, or its index too high");
        content.push(1, name.charCodeAt(0), kind, index);
      }
      return Buffer.concat([
        bytes.subarray(0, section),
        Buffer.from([7, content.length, ...content]),
        bytes.subarray(end),
      ]);
    }
    at = end;
  }
  throw new Error("the module exports nothing");
}
