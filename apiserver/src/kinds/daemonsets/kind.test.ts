import { expect, test } from "vitest";
import { columnNames, created, refusals, row } from "../kind.test-support.ts";
import { daemonSets } from "./kind.ts";

const labels = { app: "agent" };
const template = {
  metadata: { labels },
  spec: { containers: [{ name: "agent", image: "agent:1" }], nodeSelector: { disk: "ssd" } },
};
const spec = (over: object = {}) => ({ spec: { selector: { matchLabels: labels }, template, ...over } });

test("defaults", () => {
  expect(created(daemonSets, spec())["spec"]).toMatchObject({
    revisionHistoryLimit: 10,
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
  });
});

test.each<[object, string[]]>([
  [{}, []],
  [
    { maxUnavailable: 1, maxSurge: 1 },
    [
      "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
    ],
  ],
  [
    { maxUnavailable: 0, maxSurge: 0 },
    ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
  ],
])("an update with %j", (rollingUpdate, expected) => {
  expect(refusals(daemonSets, spec({ updateStrategy: { rollingUpdate } }))).toEqual(expected);
});

test("a line", () => {
  expect(columnNames(daemonSets)).toBe(
    "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE (CONTAINERS) (IMAGES) (SELECTOR)",
  );
  const status = {
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberReady: 2,
    updatedNumberScheduled: 3,
  };
  expect(row(daemonSets, { ...spec(), status })).toMatchObject({
    DESIRED: 3,
    READY: 2,
    AVAILABLE: 0,
    "NODE SELECTOR": "disk=ssd",
    SELECTOR: "app=agent",
  });
});
