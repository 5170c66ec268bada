import { expect, test } from "vitest";
import type { DaemonSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { prepareForUpdate } from "../../registry/strategy.ts";
import { contextFor } from "../arbitrary.test-support.ts";
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

test("counts the changes of its template", () => {
  const changed = (change: (ds: DaemonSet) => void): string | undefined => {
    const old = created(daemonSets, spec());
    const next = structuredClone(old);
    change(next);
    prepareForUpdate(daemonSets, next, old, contextFor());
    return next.metadata.annotations?.["deprecated.daemonset.template.generation"];
  };
  expect(changed(() => undefined)).toBe("1");
  expect(changed((ds) => delete ds.metadata.annotations)).toBe("1");
  expect(changed((ds) => Object.assign(ds.spec?.template.spec ?? {}, { hostNetwork: true }))).toBe("2");
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
