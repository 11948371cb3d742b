// Whole event sources over a fetch that needs no network: chunks in, MessageEvents dispatched to a listener.

import { EventSource as Theirs } from "eventsource";
import { EventSource as Ours } from "millrace";

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

export const eventSources = {
  millrace(chunks, total) {
    globalThis.fetch = async () => responseOf(chunks);
    return dispatch(new Ours(url), total);
  },
  "eventsource 5": (chunks, total) => dispatch(new Theirs(url, { fetch: async () => responseOf(chunks) }), total),
};
