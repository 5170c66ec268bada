// Written by apiserver/src/schema/generate. Do not edit.
import type { Duration, ListMeta, ObjectMeta, Quantity, Time } from "./meta-v1.ts";

export type ContainerMetrics = {
  name: string;
  usage: Record<string, Quantity>;
};

export type NodeMetrics = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  timestamp: Time;
  window: Duration;
  usage: Record<string, Quantity>;
};

export type NodeMetricsList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: NodeMetrics[];
};

export type PodMetrics = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  timestamp: Time;
  window: Duration;
  containers: ContainerMetrics[];
};

export type PodMetricsList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: PodMetrics[];
};
