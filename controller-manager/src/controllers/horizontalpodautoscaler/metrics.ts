import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from "@coracle/shared/api/generated/autoscaling-v2.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { PodMetrics } from "@coracle/shared/api/generated/metrics-v1beta1.ts";
import {
  formatQuantity,
  parseQuantity,
  quantityOfMillis,
  quantityMillis,
} from "@coracle/shared/meta/quantity.ts";
import { isSidecar } from "@coracle/shared/meta/pods.ts";
import { calculate, type Tolerance } from "./calculate.ts";

/** One metric of an autoscaler against the figures of its pods. Pure. */

export interface Proposal {
  readonly replicas: number;
  readonly status: MetricStatus;
  /** `cpu resource utilization (percentage of request)` and the like, for the condition and the event. */
  readonly description: string;
}

export class MetricError extends Error {
  readonly reason: string;
  /** The message with what it was for: `failed to get cpu resource metric value: …`. */
  readonly whole: string;
  constructor(reason: string, message: string, purpose?: string) {
    super(message);
    this.reason = reason;
    this.whole = purpose === undefined ? message : `failed to get ${purpose} metric value: ${message}`;
  }
}

export interface Figures {
  readonly pods: readonly Pod[];
  readonly metrics: readonly PodMetrics[];
  readonly current: number;
  readonly now: number;
}

const DEFAULT_TOLERANCE = 0.1;

const toleranceOf = (hpa: HorizontalPodAutoscaler): Tolerance => {
  const of = (text: string | undefined): number =>
    text === undefined ? DEFAULT_TOLERANCE : quantityMillis(parseQuantity(text)) / 1000;
  return {
    up: of(hpa.spec.behavior?.scaleUp?.tolerance),
    down: of(hpa.spec.behavior?.scaleDown?.tolerance),
  };
};

const REASONS: Readonly<Record<string, string>> = {
  Pods: "FailedGetPodsMetric",
  Object: "FailedGetObjectMetric",
  External: "FailedGetExternalMetric",
};

export function propose(hpa: HorizontalPodAutoscaler, metric: MetricSpec, figures: Figures): Proposal {
  if (metric.type === "Resource" && metric.resource) {
    const { name, target } = metric.resource;
    const result = evaluate(hpa, name, undefined, target, figures);
    return { ...result, status: { type: "Resource", resource: { name, current: result.current } } };
  }
  if (metric.type === "ContainerResource" && metric.containerResource) {
    const { name, container, target } = metric.containerResource;
    const result = evaluate(hpa, name, container, target, figures);
    const status = { name, container, current: result.current };
    return { ...result, status: { type: "ContainerResource", containerResource: status } };
  }
  const reason = REASONS[metric.type];
  if (reason !== undefined)
    throw new MetricError(
      reason,
      `unable to get ${metric.type.toLowerCase()} metric: unable to fetch metrics from the custom or external metrics API: no such API is registered`,
      metric.external ? `${metric.external.metric.name} external` : metric.type.toLowerCase(),
    );
  throw new MetricError(
    "InvalidMetricSourceType",
    `unknown metric source type ${JSON.stringify(metric.type)}`,
  );
}

interface Evaluated {
  readonly replicas: number;
  readonly description: string;
  readonly current: { averageUtilization?: number; averageValue: string };
}

function evaluate(
  hpa: HorizontalPodAutoscaler,
  resource: string,
  container: string | undefined,
  target: MetricTarget,
  { pods, metrics, current, now }: Figures,
): Evaluated {
  const failure = container === undefined ? "FailedGetResourceMetric" : "FailedGetContainerResourceMetric";
  const purpose = container === undefined ? `${resource} resource` : `${container} container`;
  const byUtilization = target.averageUtilization !== undefined;
  const refuse = (why: string): MetricError =>
    new MetricError(
      failure,
      `failed to get ${resource} ${byUtilization ? "utilization" : "usage"}: ${why}`,
      purpose,
    );
  const usage = usageOf(metrics, resource, container);
  if (usage.size === 0)
    throw refuse(
      `unable to get metrics for resource ${resource}: no metrics returned from resource metrics API`,
    );
  const wanted = byUtilization
    ? (target.averageUtilization ?? 0)
    : quantityMillis(parseQuantity(target.averageValue ?? "0"));
  if (!(wanted > 0)) throw new MetricError(failure, "the target of the metric must be above zero");
  try {
    const request = byUtilization ? (pod: Pod): number => requestOf(pod, resource, container) : undefined;
    const measured = { usage, pods, request, isCpu: resource === "cpu", now };
    const result = calculate(measured, current, wanted, toleranceOf(hpa));
    return {
      replicas: result.replicas,
      description: describe(resource, container, byUtilization),
      current: {
        ...(result.utilization === undefined ? {} : { averageUtilization: result.utilization }),
        averageValue: formatQuantity(quantityOfMillis(result.average)),
      },
    };
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

const describe = (resource: string, container: string | undefined, byUtilization: boolean): string =>
  `${resource} ${container === undefined ? "" : "container "}resource${byUtilization ? " utilization (percentage of request)" : ""}`;

/** Thousandths of the resource's unit, by pod. A pod of which a container is not measured is not measured. */
function usageOf(
  metrics: readonly PodMetrics[],
  resource: string,
  container: string | undefined,
): Map<string, number> {
  const usage = new Map<string, number>();
  for (const { metadata, containers } of metrics) {
    const chosen = container === undefined ? containers : containers.filter((c) => c.name === container);
    if (chosen.length === 0 || chosen.some((c) => c.usage[resource] === undefined)) continue;
    const total = chosen.reduce((sum, c) => sum + quantityMillis(parseQuantity(c.usage[resource] ?? "0")), 0);
    usage.set(metadata.name ?? "", total);
  }
  return usage;
}

function requestOf(pod: Pod, resource: string, container: string | undefined): number {
  const whole = pod.spec?.resources?.requests?.[resource];
  if (container === undefined && whole !== undefined) return quantityMillis(parseQuantity(whole));
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter(isSidecar)];
  let total = 0;
  for (const c of container === undefined ? all : all.filter((x) => x.name === container)) {
    const request = c.resources?.requests?.[resource];
    if (request === undefined)
      throw new Error(`missing request for ${resource} in container ${c.name} of Pod ${pod.metadata.name}`);
    total += quantityMillis(parseQuantity(request));
  }
  return total;
}
