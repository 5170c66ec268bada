/** How far a pull is, from what the engine says of its layers. */
import type { LayerProgress } from "../runtime/runtime.ts";

/** A slow pull tells of itself this often. */
export const PROGRESS_EVERY_MS = 10_000;

const complete = new Set(["Pull complete", "Already exists"]);
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Adds up the layers; `told` gets a line in words, at most every {@link PROGRESS_EVERY_MS} by the clock `now`. */
export function createPullProgress(
  now: () => number,
  told: (words: string) => void,
): (line: LayerProgress) => void {
  const layers = new Map<string, { current: number; total: number; complete: boolean }>();
  let last = now();
  return ({ id, status = "", progressDetail }) => {
    // The first line carries the tag as its id.
    if (id === undefined || status.startsWith("Pulling from")) return;
    const layer = layers.get(id) ?? { current: 0, total: 0, complete: false };
    layers.set(id, layer);
    if (complete.has(status)) Object.assign(layer, { current: layer.total, complete: true });
    else if (status === "Downloading")
      Object.assign(layer, { current: progressDetail?.current ?? 0, total: progressDetail?.total ?? 0 });
    if (now() - last < PROGRESS_EVERY_MS) return;
    last = now();
    const all = [...layers.values()];
    const sum = (of: "current" | "total"): string => megabytes(all.reduce((n, l) => n + l[of], 0));
    const done = all.filter((l) => l.complete).length;
    told(`${done} of ${all.length} layers complete, ${sum("current")} of ${sum("total")} MB downloaded`);
  };
}
