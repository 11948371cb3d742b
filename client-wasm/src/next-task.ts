// The next task of the event loop, before which everything has run that the present one has set off.

const waiting: (() => void)[] = [];
let channel: MessageChannel | undefined;

/** Without the delay that browsers give to timers. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    // Node.js; there a channel would also keep the program alive.
    const { setImmediate, MessageChannel } = globalThis as Partial<typeof globalThis> & {
      setImmediate?: (task: () => void) => void;
    };
    if (setImmediate) return setImmediate(resolve);
    if (!MessageChannel) return setTimeout(resolve);
    if (!channel) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
    }
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
}
