// Written by apiserver/src/schema/generate. Do not edit.

export type Quantity = string;

export type IntOrString = number | string;

export type Time = string;

export type MicroTime = string;

export type Duration = string;

export type FieldsV1 = { [field: string]: unknown };

export type RawExtension = { [field: string]: unknown };

export type APIGroup = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  name: string;
  versions: GroupVersionForDiscovery[];
  preferredVersion?: GroupVersionForDiscovery | undefined;
  serverAddressByClientCIDRs?: ServerAddressByClientCIDR[] | undefined;
};

export type APIGroupList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  groups: APIGroup[];
};

export type APIResource = {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string | undefined;
  version?: string | undefined;
  kind: string;
  verbs: Verbs;
  shortNames?: string[] | undefined;
  categories?: string[] | undefined;
  storageVersionHash?: string | undefined;
};

export type APIResourceList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  groupVersion: string;
  resources: APIResource[];
};

export type APIVersions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  versions: string[];
  serverAddressByClientCIDRs: ServerAddressByClientCIDR[];
};

export type ApplyOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  dryRun?: string[] | undefined;
  force: boolean;
  fieldManager: string;
};

export type Condition = {
  type: string;
  status: string;
  observedGeneration?: number | undefined;
  lastTransitionTime: Time;
  reason: string;
  message: string;
};

export type CreateOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  dryRun?: string[] | undefined;
  fieldManager?: string | undefined;
  fieldValidation?: string | undefined;
};

export type DeleteOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  gracePeriodSeconds?: number | undefined;
  preconditions?: Preconditions | undefined;
  orphanDependents?: boolean | undefined;
  propagationPolicy?: string | undefined;
  dryRun?: string[] | undefined;
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean | undefined;
};

export type FieldSelectorRequirement = {
  key: string;
  operator: string;
  values?: string[] | undefined;
};

export type GetOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  resourceVersion?: string | undefined;
};

export type GroupKind = {
  group: string;
  kind: string;
};

export type GroupResource = {
  group: string;
  resource: string;
};

export type GroupVersion = {
  group: string;
  version: string;
};

export type GroupVersionForDiscovery = {
  groupVersion: string;
  version: string;
};

export type GroupVersionKind = {
  group: string;
  version: string;
  kind: string;
};

export type GroupVersionResource = {
  group: string;
  version: string;
  resource: string;
};

export type LabelSelector = {
  matchLabels?: Record<string, string> | undefined;
  matchExpressions?: LabelSelectorRequirement[] | undefined;
};

export type LabelSelectorRequirement = {
  key: string;
  operator: string;
  values?: string[] | undefined;
};

export type List = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: RawExtension[];
};

export type ListMeta = {
  selfLink?: string | undefined;
  resourceVersion?: string | undefined;
  continue?: string | undefined;
  remainingItemCount?: number | undefined;
  shardInfo?: ShardInfo | undefined;
};

export type ListOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  watch?: boolean | undefined;
  allowWatchBookmarks?: boolean | undefined;
  resourceVersion?: string | undefined;
  resourceVersionMatch?: string | undefined;
  timeoutSeconds?: number | undefined;
  limit?: number | undefined;
  continue?: string | undefined;
  sendInitialEvents?: boolean | undefined;
  shardSelector?: string | undefined;
};

export type ManagedFieldsEntry = {
  manager?: string | undefined;
  operation?: string | undefined;
  apiVersion?: string | undefined;
  time?: Time | undefined;
  fieldsType?: string | undefined;
  fieldsV1?: FieldsV1 | undefined;
  subresource?: string | undefined;
};

export type ObjectMeta = {
  name?: string | undefined;
  generateName?: string | undefined;
  namespace?: string | undefined;
  selfLink?: string | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  generation?: number | undefined;
  creationTimestamp?: Time | undefined;
  deletionTimestamp?: Time | undefined;
  deletionGracePeriodSeconds?: number | undefined;
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
  ownerReferences?: OwnerReference[] | undefined;
  finalizers?: string[] | undefined;
  managedFields?: ManagedFieldsEntry[] | undefined;
};

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean | undefined;
  blockOwnerDeletion?: boolean | undefined;
};

export type PartialObjectMetadata = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
};

export type PartialObjectMetadataList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: PartialObjectMetadata[];
};

export type Patch = {
};

export type PatchOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  dryRun?: string[] | undefined;
  force?: boolean | undefined;
  fieldManager?: string | undefined;
  fieldValidation?: string | undefined;
};

export type Preconditions = {
  uid?: string | undefined;
  resourceVersion?: string | undefined;
};

export type RootPaths = {
  paths: string[];
};

export type ServerAddressByClientCIDR = {
  clientCIDR: string;
  serverAddress: string;
};

export type ShardInfo = {
  selector: string;
};

export type Status = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  status?: string | undefined;
  message?: string | undefined;
  reason?: string | undefined;
  details?: StatusDetails | undefined;
  code?: number | undefined;
};

export type StatusCause = {
  reason?: string | undefined;
  message?: string | undefined;
  field?: string | undefined;
};

export type StatusDetails = {
  name?: string | undefined;
  group?: string | undefined;
  kind?: string | undefined;
  uid?: string | undefined;
  causes?: StatusCause[] | undefined;
  retryAfterSeconds?: number | undefined;
};

export type TableOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  includeObject?: string | undefined;
};

export type Timestamp = {
  seconds: number;
  nanos: number;
};

export type TypeMeta = {
  kind?: string | undefined;
  apiVersion?: string | undefined;
};

export type UpdateOptions = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  dryRun?: string[] | undefined;
  fieldManager?: string | undefined;
  fieldValidation?: string | undefined;
};

export type Verbs = string[];

export type WatchEvent = {
  type: string;
  object: RawExtension;
};
