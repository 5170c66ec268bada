// Written by apiserver/src/schema/generate. Do not edit.
import type { LabelSelector, ListMeta, ObjectMeta } from "./meta-v1.ts";

export type AggregationRule = {
  clusterRoleSelectors?: LabelSelector[] | undefined;
};

export type ClusterRole = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  rules?: PolicyRule[] | undefined;
  aggregationRule?: AggregationRule | undefined;
};

export type ClusterRoleBinding = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  subjects?: Subject[] | undefined;
  roleRef: RoleRef;
};

export type ClusterRoleBindingList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ClusterRoleBinding[];
};

export type ClusterRoleList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ClusterRole[];
};

export type PolicyRule = {
  verbs: string[];
  apiGroups?: string[] | undefined;
  resources?: string[] | undefined;
  resourceNames?: string[] | undefined;
  nonResourceURLs?: string[] | undefined;
};

export type Role = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  rules?: PolicyRule[] | undefined;
};

export type RoleBinding = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  subjects?: Subject[] | undefined;
  roleRef: RoleRef;
};

export type RoleBindingList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: RoleBinding[];
};

export type RoleList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: Role[];
};

export type RoleRef = {
  apiGroup?: string | undefined;
  kind: string;
  name: string;
};

export type Subject = {
  kind: string;
  apiGroup?: string | undefined;
  name: string;
  namespace?: string | undefined;
};
