// Contestants taking turns, and a table of their times: in Node.js and in browsers alike.

import { eventSources } from "./event-sources.mjs";
import { leftOut, parsers } from "./parsers.mjs";
import { streams } from "./streams.mjs";

const rounds = 9;
const roundMilliseconds = 150;

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Milliseconds that `work` takes, the median of rounds in which the contestants take turns. */
async function compare(contestants, check) {
  const times = new Map();
  for (const [name, work] of contestants) {
    const begin = performance.now();
    do check(name, await work());
    while (performance.now() - begin < roundMilliseconds); // until it is compiled
    times.set(name, []);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of contestants) {
      let runs = 0;
      const begin = performance.now();
      do {
        await work();
        runs += 1;
      } while (performance.now() - begin < roundMilliseconds);
      times.get(name).push((performance.now() - begin) / runs);
    }
  }
  return new Map([...times].map(([name, values]) => [name, median(values)]));
}

function table(title, stream, times) {
  console.log(`\n${title}: ${stream.events} events, ${stream.bytes} bytes in ${stream.chunks.length} chunks`);
  const own = times.get("millrace");
  for (const [name, milliseconds] of times) {
    const perSecond = 1000 / milliseconds;
    const megabytes = ((stream.bytes * perSecond) / 1e6).toFixed(1).padStart(8);
    const events = Math.round(stream.events * perSecond)
      .toLocaleString("en")
      .padStart(12);
    const ratio = name === "millrace" ? "" : `   millrace is ${(milliseconds / own).toFixed(2)} times as fast`;
    console.log(`  ${name.padEnd(20)} ${megabytes} MB/s ${events} events/s${ratio}`);
  }
}

async function measure(title, stream, contestants) {
  const entries = Object.entries(contestants)
    .filter(([name]) => !leftOut.has(`${name}: ${stream.name}`))
    .map(([name, work]) => [name, () => work(stream.chunks, stream.events)]);
  let characters;
  const times = await compare(entries, (name, result) => {
    characters ??= result.characters;
    if (result.events !== stream.events || result.characters !== characters) {
      throw new Error(
        `${name}, ${title}: ${JSON.stringify(result)}, not ${stream.events} events, ${characters} characters`,
      );
    }
  });
  table(title, stream, times);
}

/** Measures all streams, or those with `only` in their titles. */
export async function measureAll(only) {
  console.log(`medians of ${rounds} rounds of ${roundMilliseconds} ms, taken in turns`);
  for (const stream of streams()) {
    if (!only || stream.name.includes(only)) await measure(stream.name, stream, parsers);
  }
  for (const stream of streams().slice(0, 3)) {
    const title = `whole EventSource over fetch, ${stream.name}`;
    if (!only || title.includes(only)) await measure(title, stream, eventSources);
  }
}
