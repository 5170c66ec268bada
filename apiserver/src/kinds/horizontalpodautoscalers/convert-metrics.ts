import type * as V1 from "@coracle/shared/api/generated/autoscaling-v1.ts";
import type { MetricSpec, MetricStatus, MetricTarget } from "@coracle/shared/api/generated/autoscaling-v2.ts";
import type { LabelSelector } from "@coracle/shared/api/generated/meta-v1.ts";

/** Metrics in the flat form of autoscaling/v1 annotations, and in the nested form of v2. */
const present = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

const metric = (
  name: string,
  selector: LabelSelector | undefined,
): { name: string; selector?: LabelSelector } => (selector ? { name, selector } : { name });

function target(fields: Omit<MetricTarget, "type">): MetricTarget {
  const type =
    fields.averageUtilization !== undefined
      ? "Utilization"
      : fields.averageValue !== undefined
        ? "AverageValue"
        : "Value";
  return present({ type, ...fields });
}

export function specToV1(spec: MetricSpec): V1.MetricSpec {
  const { type, object, pods, resource, containerResource, external } = spec;
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric?.name ?? "",
        targetValue: object.target?.value ?? "0",
        selector: object.metric?.selector,
        averageValue: object.target?.averageValue,
      }),
    pods:
      pods &&
      present({
        metricName: pods.metric?.name ?? "",
        targetAverageValue: pods.target?.averageValue ?? "0",
        selector: pods.metric?.selector,
      }),
    resource:
      resource &&
      present({
        name: resource.name,
        targetAverageUtilization: resource.target?.averageUtilization,
        targetAverageValue: resource.target?.averageValue,
      }),
    containerResource:
      containerResource &&
      present({
        name: containerResource.name,
        targetAverageUtilization: containerResource.target?.averageUtilization,
        targetAverageValue: containerResource.target?.averageValue,
        container: containerResource.container,
      }),
    external:
      external &&
      present({
        metricName: external.metric?.name ?? "",
        metricSelector: external.metric?.selector,
        targetValue: external.target?.value,
        targetAverageValue: external.target?.averageValue,
      }),
  });
}

export function specFromV1(spec: V1.MetricSpec): MetricSpec {
  const { type, object, pods, resource, containerResource, external } = spec;
  return present({
    type,
    object: object && {
      describedObject: object.target,
      metric: metric(object.metricName, object.selector),
      target:
        object.averageValue === undefined
          ? target({ value: object.targetValue })
          : target({ averageValue: object.averageValue }),
    },
    pods: pods && {
      metric: metric(pods.metricName, pods.selector),
      target: target({ averageValue: pods.targetAverageValue }),
    },
    resource: resource && {
      name: resource.name,
      target: target({
        averageUtilization: resource.targetAverageUtilization,
        averageValue: resource.targetAverageValue,
      }),
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      target: target({
        averageUtilization: containerResource.targetAverageUtilization,
        averageValue: containerResource.targetAverageValue,
      }),
    },
    external: external && {
      metric: metric(external.metricName, external.metricSelector),
      target: target({ value: external.targetValue, averageValue: external.targetAverageValue }),
    },
  });
}

export function statusToV1(status: MetricStatus): V1.MetricStatus {
  const { type, object, pods, resource, containerResource, external } = status;
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric?.name ?? "",
        currentValue: object.current?.value ?? "0",
        selector: object.metric?.selector,
        averageValue: object.current?.averageValue,
      }),
    pods:
      pods &&
      present({
        metricName: pods.metric?.name ?? "",
        currentAverageValue: pods.current?.averageValue ?? "0",
        selector: pods.metric?.selector,
      }),
    resource:
      resource &&
      present({
        name: resource.name,
        currentAverageUtilization: resource.current?.averageUtilization,
        currentAverageValue: resource.current?.averageValue ?? "0",
      }),
    containerResource:
      containerResource &&
      present({
        name: containerResource.name,
        currentAverageUtilization: containerResource.current?.averageUtilization,
        currentAverageValue: containerResource.current?.averageValue ?? "0",
        container: containerResource.container,
      }),
    external:
      external &&
      present({
        metricName: external.metric?.name ?? "",
        metricSelector: external.metric?.selector,
        currentValue: external.current?.value ?? "0",
        currentAverageValue: external.current?.averageValue,
      }),
  });
}

export function statusFromV1(status: V1.MetricStatus): MetricStatus {
  const { type, object, pods, resource, containerResource, external } = status;
  return present({
    type,
    object: object && {
      describedObject: object.target,
      metric: metric(object.metricName, object.selector),
      current: present({ value: object.currentValue, averageValue: object.averageValue }),
    },
    pods: pods && {
      metric: metric(pods.metricName, pods.selector),
      current: { averageValue: pods.currentAverageValue },
    },
    resource: resource && {
      name: resource.name,
      current: present({
        averageUtilization: resource.currentAverageUtilization,
        averageValue: resource.currentAverageValue,
      }),
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      current: present({
        averageUtilization: containerResource.currentAverageUtilization,
        averageValue: containerResource.currentAverageValue,
      }),
    },
    external: external && {
      metric: metric(external.metricName, external.metricSelector),
      current: present({ value: external.currentValue, averageValue: external.currentAverageValue }),
    },
  });
}
