// Written by apiserver/src/schema/generate. Do not edit.
import type { ListMeta, ObjectMeta } from "./meta-v1.ts";

export type PriorityClass = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  value?: number | undefined;
  globalDefault?: boolean | undefined;
  description?: string | undefined;
  preemptionPolicy?: string | undefined;
};

export type PriorityClassList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: PriorityClass[];
};
