// Written by apiserver/src/schema/generate. Do not edit.
import type { ListMeta, MicroTime, ObjectMeta } from "./meta-v1.ts";

export type Lease = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: LeaseSpec | undefined;
};

export type LeaseList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: Lease[];
};

export type LeaseSpec = {
  holderIdentity?: string | undefined;
  leaseDurationSeconds?: number | undefined;
  acquireTime?: MicroTime | undefined;
  renewTime?: MicroTime | undefined;
  leaseTransitions?: number | undefined;
  strategy?: string | undefined;
  preferredHolder?: string | undefined;
};
