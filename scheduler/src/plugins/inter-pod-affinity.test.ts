import { expect, test } from "vitest";
import { podInfo } from "../pod-info.ts";
import { makePod, testProfile } from "../testing.ts";

const plugins = testProfile();

test("a relabelled namespace may let in a pod that other pods keep away", () => {
  const affinity = plugins.find((plugin) => plugin.name === "InterPodAffinity");
  expect(affinity?.helps?.({ kind: "namespace-relabelled" }, podInfo(makePod("p")))).toBe(true);
});
