// Frames: the stream's bytes for the page. With fetch, the page sees the real bytes; with a transport that parses them
// itself, it writes them again from the events.

import type { TransportName } from "millrace";

/** Whether the page sees this transport's bytes: a shared connection may belong to another tab. */
export function isTapped(transport: TransportName, share: boolean): boolean {
  return !share && (transport === "fetch" || transport === "poll");
}

/** A `fetch` that passes the bytes of its bodies to `look` as they are read. */
export function tapped(look: (chunk: Uint8Array) => void): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { status, statusText, headers, body } = response;
    if (!body || status !== 200) return response; // of a 204 no Response with a body can be made
    const tap = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        look(chunk);
        controller.enqueue(chunk);
      },
    });
    return new Response(body.pipeThrough(tap), { status, statusText, headers });
  };
}

/** An event as it may have stood on the wire. */
export function frameOf(id: string, type: string, text: string): string {
  return `event: ${type}\nid: ${id}\n${text.replace(/^/gm, "data: ")}\n`;
}

/** Splits bytes into complete frames. */
export class FrameSplitter {
  #decoder = new TextDecoder();
  #rest = "";

  split(chunk: Uint8Array): string[] {
    const frames = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n\n");
    this.#rest = frames.pop() ?? "";
    return frames.filter((frame) => frame !== "");
  }

  /** Call it when another response begins. */
  reset(): void {
    this.#decoder = new TextDecoder();
    this.#rest = "";
  }
}

/** A frame that carries the cursor and no event. */
export function isHeartbeat(frame: string): boolean {
  return (/^event: ?millrace\.cursor$/m.test(frame) || !/^data/m.test(frame)) && !/^retry/m.test(frame);
}
