import { expect, test } from "vitest";
import { createPullProgress, PROGRESS_EVERY_MS } from "./progress.ts";

test("a slow pull tells how far it is, now and then", () => {
  let now = 0;
  const told: string[] = [];
  const progress = createPullProgress(
    () => now,
    (words) => told.push(words),
  );
  const downloading = (id: string, current: number): void =>
    progress({ id, status: "Downloading", progressDetail: { current, total: 40_000_000 } });
  progress({ id: "1.27", status: "Pulling from library/nginx" });
  progress({ id: "a", status: "Already exists" });
  progress({ id: "c", status: "Pulling fs layer", progressDetail: {} });
  downloading("b", 1_000_000);
  expect(told).toEqual([]);
  now += PROGRESS_EVERY_MS;
  downloading("b", 10_000_000);
  downloading("b", 11_000_000);
  expect(told).toEqual(["1 of 3 layers complete, 10.0 of 40.0 MB downloaded"]);
  progress({ id: "b", status: "Pull complete", progressDetail: {} });
  now += PROGRESS_EVERY_MS;
  progress({ id: "c", status: "Extracting", progressDetail: { current: 1, total: 2 } });
  expect(told[1]).toBe("2 of 3 layers complete, 40.0 of 40.0 MB downloaded");
});
