/**
 * Runs `count` calls in batches of 1, 2, 4, … and stops after the first batch with a failure, so that a quota that is used up costs one
 * refused request and not hundreds. Returns the number that succeeded; throws the first error when there was one.
 */
export async function slowStart(
  count: number,
  call: (index: number) => Promise<void>,
  signal: AbortSignal,
): Promise<number> {
  let done = 0;
  for (let batch = 1; done < count; batch *= 2) {
    signal.throwIfAborted();
    const size = Math.min(batch, count - done);
    const start = done;
    const results = await Promise.allSettled(Array.from({ length: size }, (_, i) => call(start + i)));
    const failed = results.find((r) => r.status === "rejected");
    if (failed) throw failed.reason;
    done += size;
  }
  return done;
}
