// Whole event sources over a fetch that needs no network: chunks in, MessageEvents dispatched to a listener.

import { EventSource as Theirs } from "eventsource";
import { EventStreamParser, EventSource as Ours } from "millrace";

function responseOf(chunks) {
  let next = 0;
  const body = new ReadableStream(
    {
      pull(controller) {
        if (next < chunks.length) controller.enqueue(chunks[next++]);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

/** Resolves when `total` events have been dispatched. */
function dispatch(source, total) {
  return new Promise((resolve, reject) => {
    let events = 0;
    let characters = 0;
    source.onerror = reject;
    source.onmessage = ({ data }) => {
      events += 1;
      characters += data.length;
      if (events < total) return;
      source.close();
      resolve({ events, characters });
    };
  });
}

const url = "http://localhost/events";
const done = Promise.resolve();
const parsed = new WeakMap();

/**
 * What no EventSource can do without: the chunks are read, and MessageEvents of the events in them dispatched, with the
 * promise reactions of each before the next. What they hold is known before.
 */
async function floor(chunks, total) {
  if (!parsed.has(chunks)) {
    const parser = new EventStreamParser();
    parsed.set(
      chunks,
      chunks.map((chunk) => parser.feed(chunk)),
    );
    parser.close();
  }
  const target = new EventTarget();
  let events = 0;
  let characters = 0;
  target.addEventListener("message", ({ data }) => {
    events += 1;
    characters += data.length;
  });
  const reader = responseOf(chunks).body.getReader();
  const { origin } = new URL(url);
  for (const batch of parsed.get(chunks)) {
    await reader.read();
    for (const { type, data, lastEventId } of batch) {
      target.dispatchEvent(new MessageEvent(type, { data, lastEventId, origin }));
      await done;
    }
  }
  if (events !== total) throw new Error(`${events} events, not ${total}`);
  return { events, characters };
}

export const eventSources = {
  millrace(chunks, total) {
    globalThis.fetch = async () => responseOf(chunks);
    return dispatch(new Ours(url), total);
  },
  "nothing but events": floor,
  "eventsource 5": (chunks, total) => dispatch(new Theirs(url, { fetch: async () => responseOf(chunks) }), total),
};
