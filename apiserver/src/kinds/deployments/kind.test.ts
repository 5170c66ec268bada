import { describe, expect, test } from "vitest";
import type { Deployment } from "@coracle/shared/api/generated/apps-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { deployments } from "./kind.ts";

const labels = { app: "web" };
const template = { metadata: { labels }, spec: { containers: [{ name: "app", image: "nginx:1" }] } };
const spec = (over: object = {}) => ({ spec: { selector: { matchLabels: labels }, template, ...over } });

test("defaults", () => {
  expect(created(deployments, spec())["spec"]).toMatchObject({
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
    template: { spec: { restartPolicy: "Always", dnsPolicy: "ClusterFirst" } },
  });
  const recreate = created(deployments, spec({ strategy: { type: "Recreate" } }))["spec"] as object;
  expect(recreate).toMatchObject({ strategy: { type: "Recreate" } });
  expect((recreate as { strategy: object }).strategy).not.toHaveProperty("rollingUpdate");
});

describe("is refused", () => {
  const rolling = (rollingUpdate: object) => spec({ strategy: { rollingUpdate } });
  test.each<[string, object, string[]]>([
    ["nothing", spec(), []],
    [
      "fewer than no replicas",
      spec({ replicas: -1 }),
      ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ],
    [
      "without a selector",
      { spec: { template } },
      [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "with an empty selector",
      spec({ selector: {} }),
      ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ],
    [
      "with labels that do not match",
      spec({ selector: { matchLabels: { app: "other" } } }),
      [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "with pods that end",
      spec({ template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } }),
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      "with a deadline for its pods",
      spec({ template: { ...template, spec: { ...template.spec, activeDeadlineSeconds: 5 } } }),
      [
        "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
      ],
    ],
    [
      "standing still",
      rolling({ maxUnavailable: 0, maxSurge: "0%" }),
      ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ],
    [
      "taking more than all",
      rolling({ maxUnavailable: "150%", maxSurge: "x" }),
      [
        "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"x\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%',
      ],
    ],
    [
      "recreating in a rolling way",
      spec({ strategy: { type: "Recreate", rollingUpdate: {} } }),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      "with a deadline before pods are ready",
      spec({ progressDeadlineSeconds: 5, minReadySeconds: 5 }),
      ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"],
    ],
    [
      "with a template that is",
      spec({ template: { metadata: { labels }, spec: { containers: [{ name: "app" }] } } }),
      ["spec.template.spec.containers[0].image: Required value"],
    ],
  ])("%s", (_, body, expected) => {
    expect(refusals(deployments, body as never)).toEqual(expected);
  });
});

test("its selector stays", () => {
  const change = (d: Deployment): void => {
    const both = { app: "web", v: "2" };
    d.spec = {
      ...d.spec,
      selector: { matchLabels: both },
      template: { ...template, metadata: { labels: both } },
    };
  };
  expect(updateRefusals(deployments, spec(), change as never)).toEqual([
    'spec.selector: Invalid value: {"matchLabels":{"app":"web","v":"2"}}: field is immutable',
  ]);
});

test("its status does not count more than there is", () => {
  const change = (d: Deployment): void => {
    d.status = { replicas: 1, readyReplicas: 2, availableReplicas: 2, unavailableReplicas: -1 };
  };
  expect(updateRefusals(deployments, spec(), change as never, { subresource: "status" })).toEqual([
    "status.unavailableReplicas: Invalid value: -1: must be greater than or equal to 0",
    "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
    "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
  ]);
});

test("a line", () => {
  expect(columnNames(deployments)).toBe(
    "NAME READY UP-TO-DATE AVAILABLE AGE (CONTAINERS) (IMAGES) (SELECTOR)",
  );
  const status = { replicas: 3, readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 };
  expect(row(deployments, { ...spec({ replicas: 3 }), status })).toEqual({
    NAME: "web",
    READY: "2/3",
    "UP-TO-DATE": 3,
    AVAILABLE: 2,
    AGE: "60m",
    CONTAINERS: "app",
    IMAGES: "nginx:1",
    SELECTOR: "app=web",
  });
});

test("scale", () => {
  const { scale } = deployments;
  const object = created(deployments, spec({ replicas: 2 })) as never;
  expect(scale?.specReplicas(object)).toBe(2);
  expect(scale?.selector(object)).toBe("app=web");
  scale?.setReplicas(object, 5);
  expect(scale?.specReplicas(object)).toBe(5);
  expect(scale?.statusReplicas(object)).toBe(0);
});
