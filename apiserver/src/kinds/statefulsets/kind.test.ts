import { expect, test } from "vitest";
import type { StatefulSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { statefulSets } from "./kind.ts";

const labels = { app: "db" };
const volumeMounts = [{ name: "data", mountPath: "/data" }];
const template = {
  metadata: { labels },
  spec: { containers: [{ name: "db", image: "db:1", volumeMounts }] },
};
const claim = {
  metadata: { name: "data" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};
const spec = (over: object = {}) => ({
  spec: {
    selector: { matchLabels: labels },
    serviceName: "db",
    template,
    volumeClaimTemplates: [structuredClone(claim)],
    ...over,
  },
});

test("defaults", () => {
  expect(created(statefulSets, spec())["spec"]).toMatchObject({
    replicas: 1,
    revisionHistoryLimit: 10,
    podManagementPolicy: "OrderedReady",
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    volumeClaimTemplates: [
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        spec: { volumeMode: "Filesystem" },
        status: { phase: "Pending" },
      },
    ],
  });
});

test.each<[string, object, string[]]>([
  ["an ordinary set", spec(), []],
  [
    "mounts of what it does not claim",
    spec({ volumeClaimTemplates: [] }),
    ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
  ],
  [
    "a selector of everything",
    spec({ selector: {} }),
    ["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"],
  ],
  [
    "an unknown policy",
    spec({ podManagementPolicy: "Any" }),
    ["spec.podManagementPolicy: Invalid value: \"Any\": must be 'OrderedReady' or 'Parallel'"],
  ],
  [
    "a strategy of two kinds",
    spec({ updateStrategy: { type: "OnDelete", rollingUpdate: { partition: 1 } } }),
    [
      "spec.updateStrategy.rollingUpdate: Invalid value: {\"partition\":1}: only allowed for updateStrategy 'RollingUpdate'",
    ],
  ],
  [
    "numbers below zero",
    spec({ ordinals: { start: -1 }, updateStrategy: { rollingUpdate: { partition: -1 } } }),
    [
      "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
      "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
    ],
  ],
])("%s", (_, body, expected) => {
  expect(refusals(statefulSets, body as never)).toEqual(expected);
});

test("of its spec, only some may change", () => {
  const allowed = (set: StatefulSet): void => {
    if (set.spec) Object.assign(set.spec, { replicas: 5, revisionHistoryLimit: 2, minReadySeconds: 3 });
  };
  expect(updateRefusals(statefulSets, spec(), allowed as never)).toEqual([]);
  const other = (set: StatefulSet): void => {
    if (set.spec) set.spec.serviceName = "other";
  };
  expect(updateRefusals(statefulSets, spec(), other as never)).toEqual([
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ]);
});

test("a line", () => {
  expect(columnNames(statefulSets)).toBe("NAME READY AGE (CONTAINERS) (IMAGES)");
  expect(row(statefulSets, { ...spec({ replicas: 3 }), status: { readyReplicas: 1 } })).toMatchObject({
    READY: "1/3",
    IMAGES: "db:1",
  });
});
