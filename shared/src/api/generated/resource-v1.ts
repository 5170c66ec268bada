// Written by apiserver/src/schema/generate. Do not edit.
import type { NodeSelector } from "./core-v1.ts";
import type { Condition, ListMeta, ObjectMeta, Quantity, RawExtension, Time } from "./meta-v1.ts";

export type AllocatedDeviceStatus = {
  driver: string;
  pool: string;
  device: string;
  shareID?: string | undefined;
  conditions?: Condition[] | undefined;
  data?: RawExtension | undefined;
  networkData?: NetworkDeviceData | undefined;
};

export type AllocationResult = {
  devices?: DeviceAllocationResult | undefined;
  nodeSelector?: NodeSelector | undefined;
  allocationTimestamp?: Time | undefined;
};

export type CELDeviceSelector = {
  expression: string;
};

export type CapacityRequestPolicy = {
  default?: Quantity | undefined;
  validValues?: Quantity[] | undefined;
  validRange?: CapacityRequestPolicyRange | undefined;
};

export type CapacityRequestPolicyRange = {
  min: Quantity;
  max?: Quantity | undefined;
  step?: Quantity | undefined;
};

export type CapacityRequirements = {
  requests?: Record<string, Quantity> | undefined;
};

export type Counter = {
  value: Quantity;
};

export type CounterSet = {
  name: string;
  counters: Record<string, Counter>;
};

export type Device = {
  name: string;
  attributes?: Record<string, DeviceAttribute> | undefined;
  capacity?: Record<string, DeviceCapacity> | undefined;
  consumesCounters?: DeviceCounterConsumption[] | undefined;
  nodeName?: string | undefined;
  nodeSelector?: NodeSelector | undefined;
  allNodes?: boolean | undefined;
  taints?: DeviceTaint[] | undefined;
  bindsToNode?: boolean | undefined;
  bindingConditions?: string[] | undefined;
  bindingFailureConditions?: string[] | undefined;
  allowMultipleAllocations?: boolean | undefined;
  nodeAllocatableResourceMappings?: Record<string, NodeAllocatableResourceMapping> | undefined;
};

export type DeviceAllocationConfiguration = {
  source: string;
  requests?: string[] | undefined;
  opaque?: OpaqueDeviceConfiguration | undefined;
};

export type DeviceAllocationResult = {
  results?: DeviceRequestAllocationResult[] | undefined;
  config?: DeviceAllocationConfiguration[] | undefined;
};

export type DeviceAttribute = {
  int?: number | undefined;
  bool?: boolean | undefined;
  string?: string | undefined;
  version?: string | undefined;
  ints?: number[] | undefined;
  bools?: boolean[] | undefined;
  strings?: string[] | undefined;
  versions?: string[] | undefined;
};

export type DeviceCapacity = {
  value: Quantity;
  requestPolicy?: CapacityRequestPolicy | undefined;
};

export type DeviceClaim = {
  requests?: DeviceRequest[] | undefined;
  constraints?: DeviceConstraint[] | undefined;
  config?: DeviceClaimConfiguration[] | undefined;
};

export type DeviceClaimConfiguration = {
  requests?: string[] | undefined;
  opaque?: OpaqueDeviceConfiguration | undefined;
};

export type DeviceClass = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: DeviceClassSpec;
};

export type DeviceClassConfiguration = {
  opaque?: OpaqueDeviceConfiguration | undefined;
};

export type DeviceClassList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: DeviceClass[];
};

export type DeviceClassSpec = {
  selectors?: DeviceSelector[] | undefined;
  config?: DeviceClassConfiguration[] | undefined;
  extendedResourceName?: string | undefined;
};

export type DeviceConfiguration = {
  opaque?: OpaqueDeviceConfiguration | undefined;
};

export type DeviceConstraint = {
  requests?: string[] | undefined;
  matchAttribute?: string | undefined;
  distinctAttribute?: string | undefined;
};

export type DeviceCounterConsumption = {
  counterSet: string;
  counters: Record<string, Counter>;
};

export type DeviceRequest = {
  name: string;
  exactly?: ExactDeviceRequest | undefined;
  firstAvailable?: DeviceSubRequest[] | undefined;
};

export type DeviceRequestAllocationResult = {
  request: string;
  driver: string;
  pool: string;
  device: string;
  adminAccess?: boolean | undefined;
  tolerations?: DeviceToleration[] | undefined;
  bindingConditions?: string[] | undefined;
  bindingFailureConditions?: string[] | undefined;
  shareID?: string | undefined;
  consumedCapacity?: Record<string, Quantity> | undefined;
};

export type DeviceSelector = {
  cel?: CELDeviceSelector | undefined;
};

export type DeviceSubRequest = {
  name: string;
  deviceClassName: string;
  selectors?: DeviceSelector[] | undefined;
  allocationMode?: string | undefined;
  count?: number | undefined;
  tolerations?: DeviceToleration[] | undefined;
  capacity?: CapacityRequirements | undefined;
};

export type DeviceTaint = {
  key: string;
  value?: string | undefined;
  effect: string;
  timeAdded?: Time | undefined;
};

export type DeviceToleration = {
  key?: string | undefined;
  operator?: string | undefined;
  value?: string | undefined;
  effect?: string | undefined;
  tolerationSeconds?: number | undefined;
};

export type ExactDeviceRequest = {
  deviceClassName: string;
  selectors?: DeviceSelector[] | undefined;
  allocationMode?: string | undefined;
  count?: number | undefined;
  adminAccess?: boolean | undefined;
  tolerations?: DeviceToleration[] | undefined;
  capacity?: CapacityRequirements | undefined;
};

export type NetworkDeviceData = {
  interfaceName?: string | undefined;
  ips?: string[] | undefined;
  hardwareAddress?: string | undefined;
};

export type NodeAllocatableResourceMapping = {
  capacityKey?: string | undefined;
  allocationMultiplier?: Quantity | undefined;
};

export type OpaqueDeviceConfiguration = {
  driver: string;
  parameters: RawExtension;
};

export type ResourceClaim = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: ResourceClaimSpec;
  status?: ResourceClaimStatus | undefined;
};

export type ResourceClaimConsumerReference = {
  apiGroup?: string | undefined;
  resource: string;
  name: string;
  uid: string;
};

export type ResourceClaimList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ResourceClaim[];
};

export type ResourceClaimSpec = {
  devices?: DeviceClaim | undefined;
};

export type ResourceClaimStatus = {
  allocation?: AllocationResult | undefined;
  reservedFor?: ResourceClaimConsumerReference[] | undefined;
  devices?: AllocatedDeviceStatus[] | undefined;
};

export type ResourceClaimTemplate = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: ResourceClaimTemplateSpec;
};

export type ResourceClaimTemplateList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ResourceClaimTemplate[];
};

export type ResourceClaimTemplateSpec = {
  metadata?: ObjectMeta | undefined;
  spec: ResourceClaimSpec;
};

export type ResourcePool = {
  name: string;
  generation: number;
  resourceSliceCount: number;
};

export type ResourceSlice = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: ResourceSliceSpec;
};

export type ResourceSliceList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ResourceSlice[];
};

export type ResourceSliceSpec = {
  driver: string;
  pool: ResourcePool;
  nodeName?: string | undefined;
  nodeSelector?: NodeSelector | undefined;
  allNodes?: boolean | undefined;
  devices?: Device[] | undefined;
  perDeviceNodeSelection?: boolean | undefined;
  sharedCounters?: CounterSet[] | undefined;
};
