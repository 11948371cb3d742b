// Waiting for something to become true, never for a while "so that things settle". A deadline only ends a hang: it is long
// enough for a machine with many busy processes.

const patience = 30_000;

/** Resolves with the first truthy value of `condition`, which is asked every few milliseconds; rejects after `deadline` ms. */
export async function until(condition, what, deadline = patience) {
  const end = performance.now() + deadline;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`not within ${deadline} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The promise's value, or a rejection that says what was waited for. */
export async function within(promise, what, deadline = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${deadline} ms: ${what}`)), deadline);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a reader of bytes hands out up to what completes `pattern`; rejects if the stream ends before, or nothing comes. */
export async function readUntil(reader, pattern, what) {
  const decoder = new TextDecoder();
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await within(reader.read(), what);
    if (done) throw new Error(`the stream has ended before ${what}: ${text.slice(-1_000)}`);
    text += decoder.decode(value, { stream: true });
  }
  return text;
}
