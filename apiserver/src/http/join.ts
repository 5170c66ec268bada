import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Joins two connections until either ends, with or without an error: that is the end of both. */
export async function join(one: Duplex, other: Duplex): Promise<void> {
  // Each direction listens to both ends, beside whoever listened before. That is no leak, which Node would warn of.
  for (const end of [one, other]) end.setMaxListeners(0);
  await Promise.allSettled([pipeline(one, other), pipeline(other, one)]);
}
