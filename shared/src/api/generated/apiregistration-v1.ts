// Written by apiserver/src/schema/generate. Do not edit.
import type { ListMeta, ObjectMeta, Time } from "./meta-v1.ts";

export type APIService = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: APIServiceSpec | undefined;
  status?: APIServiceStatus | undefined;
};

export type APIServiceCondition = {
  type: string;
  status: string;
  lastTransitionTime?: Time | undefined;
  reason?: string | undefined;
  message?: string | undefined;
};

export type APIServiceList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: APIService[];
};

export type APIServiceSpec = {
  service?: ServiceReference | undefined;
  group?: string | undefined;
  version?: string | undefined;
  insecureSkipTLSVerify?: boolean | undefined;
  caBundle?: string | undefined;
  groupPriorityMinimum: number;
  versionPriority: number;
};

export type APIServiceStatus = {
  conditions?: APIServiceCondition[] | undefined;
};

export type ServiceReference = {
  namespace?: string | undefined;
  name?: string | undefined;
  port?: number | undefined;
};
