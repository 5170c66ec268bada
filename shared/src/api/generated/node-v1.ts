// Written by apiserver/src/schema/generate. Do not edit.
import type { Toleration } from "./core-v1.ts";
import type { ListMeta, ObjectMeta, Quantity } from "./meta-v1.ts";

export type Overhead = {
  podFixed?: Record<string, Quantity> | undefined;
};

export type RuntimeClass = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  handler: string;
  overhead?: Overhead | undefined;
  scheduling?: Scheduling | undefined;
};

export type RuntimeClassList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: RuntimeClass[];
};

export type Scheduling = {
  nodeSelector?: Record<string, string> | undefined;
  tolerations?: Toleration[] | undefined;
};
