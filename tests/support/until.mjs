// Waiting for something to become true, with a deadline: never for a while "so that things settle".

/** Resolves with the first truthy value of `condition`, which is asked every few milliseconds; rejects after `deadline` ms. */
export async function until(condition, what, deadline = 10_000) {
  const end = performance.now() + deadline;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`not within ${deadline} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The promise's value, or a rejection that says what was waited for. */
export async function within(promise, what, deadline = 10_000) {
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
