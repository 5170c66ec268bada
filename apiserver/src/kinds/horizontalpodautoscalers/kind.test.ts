import { describe, expect, test } from "vitest";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { columnNames, created, objectOf, refusals, row } from "../kind.test-support.ts";
import { horizontalPodAutoscalers } from "./kind.ts";

const kind = horizontalPodAutoscalers;
const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
const spec = (over: object = {}) => ({ spec: { scaleTargetRef, maxReplicas: 5, ...over } });
const cpu = (averageUtilization: number) => ({
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization } },
});

test("defaults", () => {
  expect(created(kind, spec())["spec"]).toMatchObject({ minReplicas: 1, metrics: [cpu(80)] });
  expect(created(kind, spec({ behavior: { scaleDown: { selectPolicy: "Min" } } }))["spec"]).toMatchObject({
    behavior: {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: "Max",
        policies: [
          { type: "Pods", value: 4, periodSeconds: 15 },
          { type: "Percent", value: 100, periodSeconds: 15 },
        ],
      },
      scaleDown: { selectPolicy: "Min", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] },
    },
  });
});

test.each<[string, object, string[]]>([
  ["an ordinary one", spec(), []],
  [
    "numbers that cannot be",
    spec({ minReplicas: 7, maxReplicas: 5 }),
    ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"],
  ],
  [
    "no target and no room",
    { spec: { minReplicas: 0 } },
    [
      "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
      "spec.maxReplicas: Invalid value: 0: must be greater than 0",
      "spec.scaleTargetRef.kind: Required value",
      "spec.scaleTargetRef.name: Required value",
      "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
    ],
  ],
  [
    "metrics with too much and too little",
    spec({
      metrics: [
        {
          type: "External",
          external: { metric: { name: "a" }, target: { type: "Value", value: "1", averageValue: "0" } },
          pods: {},
        },
        { type: "ContainerResource", containerResource: { name: "cpu", target: {} } },
      ],
    }),
    [
      'spec.metrics[0].external.target.averageValue: Invalid value: "0": must be positive',
      "spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target",
      "spec.metrics[0].pods: Forbidden: must populate the given metric source only",
      "spec.metrics[1].containerResource.container: Required value: must specify a container",
      "spec.metrics[1].containerResource.target.type: Required value: must specify a metric target type",
      'spec.metrics[1].containerResource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue',
      "spec.metrics[1].containerResource.target.averageUtilization: Required value: must set either a target raw value or a target utilization",
    ],
  ],
  [
    "metrics of no kind, of another kind, without a target",
    spec({
      metrics: [
        { type: "Magic" },
        { type: "Pods", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 1 } } },
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization" } } },
      ],
    }),
    [
      'spec.metrics[0].type: Unsupported value: "Magic": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      "spec.metrics[1].pods: Required value: must populate information for the given metric source",
      "spec.metrics[2].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization",
    ],
  ],
])("%s", (_, body, expected) => {
  expect(refusals(kind, body as never)).toEqual(expected);
});

describe("autoscaling/v1", () => {
  const toV1 = (body: object): KubeObject =>
    kind.convert?.fromStorage(objectOf(kind, { apiVersion: "autoscaling/v2", ...body }), "v1") as KubeObject;

  test("shows CPU utilization as a field and the rest as annotations", () => {
    const metrics = [
      cpu(50),
      {
        type: "Pods",
        pods: { metric: { name: "rps" }, target: { type: "AverageValue", averageValue: "10" } },
      },
    ];
    const v1 = toV1({
      ...spec({ metrics }),
      status: {
        desiredReplicas: 2,
        currentMetrics: [
          {
            type: "Resource",
            resource: { name: "cpu", current: { averageUtilization: 40, averageValue: "20m" } },
          },
        ],
      },
    });
    expect(v1["spec"]).toEqual({ scaleTargetRef, maxReplicas: 5, targetCPUUtilizationPercentage: 50 });
    expect(v1["status"]).toEqual({
      currentReplicas: 0,
      desiredReplicas: 2,
      currentCPUUtilizationPercentage: 40,
    });
    expect(JSON.parse(v1.metadata.annotations?.["autoscaling.alpha.kubernetes.io/metrics"] ?? "")).toEqual([
      { type: "Pods", pods: { metricName: "rps", targetAverageValue: "10" } },
    ]);
    expect(kind.convert?.toStorage(v1, "v1")["spec"]).toEqual({ scaleTargetRef, maxReplicas: 5, metrics });
  });

  test("ignores annotations that are no metrics", () => {
    const key = "autoscaling.alpha.kubernetes.io/";
    const annotations = {
      [`${key}metrics`]: '[null, {"type":3}]',
      [`${key}behavior`]: "7",
      [`${key}conditions`]: "{",
    };
    const v2 = kind.convert?.toStorage(
      objectOf(kind, { ...spec({ targetCPUUtilizationPercentage: 60 }), metadata: { annotations } }),
      "v1",
    );
    expect(v2?.["spec"]).toEqual({ scaleTargetRef, maxReplicas: 5, metrics: [cpu(60)] });
    expect(v2?.metadata).not.toHaveProperty("annotations");
  });
});

test("a line", () => {
  expect(columnNames(kind)).toBe("NAME REFERENCE TARGETS MINPODS MAXPODS REPLICAS AGE");
  const memory = {
    type: "Resource",
    resource: { name: "memory", target: { type: "AverageValue", averageValue: "100Mi" } },
  };
  const currentMetrics = [
    { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 40 } } },
  ];
  expect(
    row(kind, {
      ...spec({ metrics: [cpu(50), memory, cpu(1)], minReplicas: 2 }),
      status: { currentReplicas: 3, currentMetrics },
    }),
  ).toMatchObject({
    REFERENCE: "Deployment/web",
    TARGETS: "cpu: 40%/50%, memory: <unknown>/100Mi + 1 more...",
    MINPODS: "2",
    MAXPODS: 5,
    REPLICAS: 3,
  });
  expect(row(kind, spec())).toMatchObject({ TARGETS: "<none>", MINPODS: "<unset>" });
});
