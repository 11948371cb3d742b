// The event streams that are measured, as the chunks in which they come.

const text = new TextEncoder();

// The same text in every run: a linear congruential generator.
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const words = "the mill turns as long as water runs down its race and no longer so keep it moving".split(" ");

/** `count` events like those of an LLM's answer, 60 to 200 bytes long; `id(i)`, if given, is the ID of each. */
function tokens(count, id) {
  const random = generator(1);
  let stream = "";
  for (let i = 0; i < count; i++) {
    if (id) stream += `id: ${id(i)}\n`;
    const content = Array.from({ length: 1 + random(id ? 20 : 24) }, () => words[random(words.length)]).join(" ");
    stream += `data: {"choices":[{"index":0,"delta":{"content":" ${content}"}}]}\n\n`;
  }
  return stream;
}

/** The same with text beyond ASCII. */
const accented = (count) => tokens(count).replaceAll("mill", "水车").replaceAll("water", "l’été");

const large = (count, bytes) => `data: ${"x".repeat(bytes - 8)}\n\n`.repeat(count);

function* cut(bytes, size) {
  for (let begin = 0; begin < bytes.length; begin += size) yield bytes.subarray(begin, begin + size);
}

const stream = (name, content, chunkBytes) => {
  const bytes = text.encode(content);
  return { name, bytes: bytes.length, events: content.split("\n\n").length - 1, chunks: [...cut(bytes, chunkBytes)] };
};

export const streams = () => [
  stream("LLM tokens", tokens(40_000), 16_384),
  stream(
    "tokens with IDs",
    tokens(40_000, (i) => `9f3c-${i}`),
    16_384,
  ),
  stream("tokens, not all ASCII", accented(40_000), 16_384),
  stream("64 KiB events", large(64, 65_536), 16_384),
  stream("1-byte chunks", tokens(2_000), 1),
  stream("one 4 MiB event, 1 KiB chunks", large(1, 4 * 1024 * 1024), 1024),
];
