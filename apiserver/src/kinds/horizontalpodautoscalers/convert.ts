import type * as V1 from "@coracle/shared/api/generated/autoscaling-v1.ts";
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
} from "@coracle/shared/api/generated/autoscaling-v2.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { decodeObject } from "../../schema/decode.ts";
import { typeNode } from "../../schema/registry.ts";
import { specFromV1, specToV1, statusFromV1, statusToV1 } from "./convert-metrics.ts";

/** autoscaling/v1 knows CPU utilization only; everything else travels in annotations. */
const annotations = {
  metrics: "autoscaling.alpha.kubernetes.io/metrics",
  currentMetrics: "autoscaling.alpha.kubernetes.io/current-metrics",
  conditions: "autoscaling.alpha.kubernetes.io/conditions",
  behavior: "autoscaling.alpha.kubernetes.io/behavior",
} as const;

const v1 = "io.k8s.api.autoscaling.v1";
const v2 = "io.k8s.api.autoscaling.v2";

const isCPUUtilization = (metric: MetricSpec): boolean =>
  metric.type === "Resource" &&
  metric.resource?.name === "cpu" &&
  metric.resource.target?.averageUtilization !== undefined;

/** autoscaling/v1 to v2. */
export function toStorage(object: KubeObject): KubeObject {
  const hpa = object as unknown as V1.HorizontalPodAutoscaler;
  const kept = { ...hpa.metadata.annotations };
  const metrics = listOf<V1.MetricSpec>(kept[annotations.metrics], `${v1}.MetricSpec`)?.map(specFromV1) ?? [];
  const cpu = hpa.spec?.targetCPUUtilizationPercentage;
  if (cpu !== undefined)
    metrics.unshift({
      type: "Resource",
      resource: { name: "cpu", target: { type: "Utilization", averageUtilization: cpu } },
    });
  const behavior = decode<NonNullable<HorizontalPodAutoscaler["spec"]["behavior"]>>(
    kept[annotations.behavior],
    `${v2}.HorizontalPodAutoscalerBehavior`,
  );
  const status = hpa.status && statusToStorage(hpa.status, kept);
  for (const key of Object.values(annotations)) delete kept[key];
  const { targetCPUUtilizationPercentage: _, ...spec } = hpa.spec ?? {};
  const converted = {
    ...object,
    apiVersion: "autoscaling/v2",
    metadata: { ...hpa.metadata },
    spec: { ...spec, ...(metrics.length > 0 ? { metrics } : {}), ...(behavior ? { behavior } : {}) },
    ...(status ? { status } : {}),
  };
  if (Object.keys(kept).length > 0) converted.metadata.annotations = kept;
  else delete converted.metadata.annotations;
  return converted;
}

function statusToStorage(status: V1.HorizontalPodAutoscalerStatus, kept: Record<string, string>): object {
  const { currentCPUUtilizationPercentage: cpu, ...rest } = status;
  const currentMetrics: MetricStatus[] =
    listOf<V1.MetricStatus>(kept[annotations.currentMetrics], `${v1}.MetricStatus`)?.map(statusFromV1) ??
    (cpu === undefined
      ? []
      : [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: cpu } } }]);
  const conditions = listOf<object>(kept[annotations.conditions], `${v2}.HorizontalPodAutoscalerCondition`);
  return {
    ...rest,
    ...(currentMetrics.length > 0 ? { currentMetrics } : {}),
    ...(conditions ? { conditions } : {}),
  };
}

/** v2 to autoscaling/v1. */
export function fromStorage(object: KubeObject): KubeObject {
  const hpa = object as unknown as HorizontalPodAutoscaler;
  const { metrics = [], behavior, ...spec } = hpa.spec ?? {};
  const { currentMetrics = [], conditions = [], ...status } = hpa.status ?? {};
  const cpu = metrics.find(isCPUUtilization)?.resource?.target?.averageUtilization;
  const currentCPU = currentMetrics.find((m) => m.type === "Resource" && m.resource?.name === "cpu")?.resource
    ?.current?.averageUtilization;
  const others = metrics.filter((metric) => !isCPUUtilization(metric));
  const kept = { ...hpa.metadata.annotations };
  for (const key of Object.values(annotations)) delete kept[key];
  if (others.length > 0) kept[annotations.metrics] = JSON.stringify(others.map(specToV1));
  if (currentMetrics.length > 0)
    kept[annotations.currentMetrics] = JSON.stringify(currentMetrics.map(statusToV1));
  if (conditions.length > 0) kept[annotations.conditions] = JSON.stringify(conditions);
  if (behavior) kept[annotations.behavior] = JSON.stringify(behavior);
  const converted = {
    ...object,
    apiVersion: "autoscaling/v1",
    metadata: { ...hpa.metadata },
    spec: { ...spec, ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }) },
    status: {
      currentReplicas: 0,
      ...status,
      ...(currentCPU === undefined ? {} : { currentCPUUtilizationPercentage: currentCPU }),
    },
  };
  if (Object.keys(kept).length > 0) converted.metadata.annotations = kept;
  else delete converted.metadata.annotations;
  return converted;
}

/** Annotations are written by hand too: what is not JSON of the right type says nothing. */
function decode<T>(text: string | undefined, type: string): T | undefined {
  const value = parse(text);
  return value === undefined ? undefined : (typed(value, type) as T | undefined);
}

function listOf<T>(text: string | undefined, type: string): T[] | undefined {
  const value = parse(text);
  if (!Array.isArray(value)) return undefined;
  const items = value.flatMap((item) => typed(item, type) ?? []);
  return items.length === value.length ? (items as T[]) : undefined;
}

function typed(value: unknown, type: string): object | undefined {
  const node = typeNode(type);
  if (node?.kind !== "object") throw new Error(`no object type ${type}`);
  const { object, error } = decodeObject(node, value);
  return error === undefined ? object : undefined;
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
