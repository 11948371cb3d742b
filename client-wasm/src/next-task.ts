// Waits for the next task of the event loop, after all reactions of the current one.

const waiting: (() => void)[] = [];
let channel: MessageChannel | undefined;

/** Without the delay that browsers give to timers. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    // For Node.js, where a channel would keep the program alive.
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
