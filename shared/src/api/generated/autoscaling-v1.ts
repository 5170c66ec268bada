// Written by apiserver/src/schema/generate. Do not edit.
import type { LabelSelector, ListMeta, ObjectMeta, Quantity, Time } from "./meta-v1.ts";

export type ContainerResourceMetricSource = {
  name: string;
  targetAverageUtilization?: number | undefined;
  targetAverageValue?: Quantity | undefined;
  container: string;
};

export type ContainerResourceMetricStatus = {
  name: string;
  currentAverageUtilization?: number | undefined;
  currentAverageValue: Quantity;
  container: string;
};

export type CrossVersionObjectReference = {
  kind: string;
  name: string;
  apiVersion?: string | undefined;
};

export type ExternalMetricSource = {
  metricName: string;
  metricSelector?: LabelSelector | undefined;
  targetValue?: Quantity | undefined;
  targetAverageValue?: Quantity | undefined;
};

export type ExternalMetricStatus = {
  metricName: string;
  metricSelector?: LabelSelector | undefined;
  currentValue: Quantity;
  currentAverageValue?: Quantity | undefined;
};

export type HorizontalPodAutoscaler = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: HorizontalPodAutoscalerSpec;
  status?: HorizontalPodAutoscalerStatus | undefined;
};

export type HorizontalPodAutoscalerCondition = {
  type: string;
  status: string;
  lastTransitionTime?: Time | undefined;
  reason?: string | undefined;
  message?: string | undefined;
};

export type HorizontalPodAutoscalerList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: HorizontalPodAutoscaler[];
};

export type HorizontalPodAutoscalerSpec = {
  scaleTargetRef: CrossVersionObjectReference;
  minReplicas?: number | undefined;
  maxReplicas: number;
  targetCPUUtilizationPercentage?: number | undefined;
};

export type HorizontalPodAutoscalerStatus = {
  observedGeneration?: number | undefined;
  lastScaleTime?: Time | undefined;
  currentReplicas: number;
  desiredReplicas: number;
  currentCPUUtilizationPercentage?: number | undefined;
};

export type MetricSpec = {
  type: string;
  object?: ObjectMetricSource | undefined;
  pods?: PodsMetricSource | undefined;
  resource?: ResourceMetricSource | undefined;
  containerResource?: ContainerResourceMetricSource | undefined;
  external?: ExternalMetricSource | undefined;
};

export type MetricStatus = {
  type: string;
  object?: ObjectMetricStatus | undefined;
  pods?: PodsMetricStatus | undefined;
  resource?: ResourceMetricStatus | undefined;
  containerResource?: ContainerResourceMetricStatus | undefined;
  external?: ExternalMetricStatus | undefined;
};

export type ObjectMetricSource = {
  target: CrossVersionObjectReference;
  metricName: string;
  targetValue: Quantity;
  selector?: LabelSelector | undefined;
  averageValue?: Quantity | undefined;
};

export type ObjectMetricStatus = {
  target: CrossVersionObjectReference;
  metricName: string;
  currentValue: Quantity;
  selector?: LabelSelector | undefined;
  averageValue?: Quantity | undefined;
};

export type PodsMetricSource = {
  metricName: string;
  targetAverageValue: Quantity;
  selector?: LabelSelector | undefined;
};

export type PodsMetricStatus = {
  metricName: string;
  currentAverageValue: Quantity;
  selector?: LabelSelector | undefined;
};

export type ResourceMetricSource = {
  name: string;
  targetAverageUtilization?: number | undefined;
  targetAverageValue?: Quantity | undefined;
};

export type ResourceMetricStatus = {
  name: string;
  currentAverageUtilization?: number | undefined;
  currentAverageValue: Quantity;
};

export type Scale = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: ScaleSpec | undefined;
  status?: ScaleStatus | undefined;
};

export type ScaleSpec = {
  replicas?: number | undefined;
};

export type ScaleStatus = {
  replicas: number;
  selector?: string | undefined;
};
