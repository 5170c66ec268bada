import type { Plugin } from "../framework.ts";
import { balancedAllocation } from "./balanced-allocation.ts";
import { createDynamicResources, type DeviceAccess } from "./dynamic-resources.ts";
import { imageLocality } from "./image-locality.ts";
import { createInterPodAffinity, type NamespaceLabels } from "./inter-pod-affinity.ts";
import { nodeAffinity } from "./node-affinity.ts";
import { nodeName } from "./node-name.ts";
import { nodePorts } from "./node-ports.ts";
import { nodeResourcesFit } from "./node-resources-fit.ts";
import { nodeUnschedulable } from "./node-unschedulable.ts";
import { createPodTopologySpread, type DefaultSelector } from "./pod-topology-spread.ts";
import { schedulingGates } from "./scheduling-gates.ts";
import { taintToleration } from "./taint-toleration.ts";
import { createVolumeBinding, createVolumeRestrictions, type VolumeAccess } from "./volumes.ts";

export interface ProfileInputs {
  readonly namespaceLabels: NamespaceLabels;
  readonly defaultSelector: DefaultSelector;
  readonly volumes: VolumeAccess;
  readonly devices: DeviceAccess;
}

/** The profile `default-scheduler`: the order is that of the filters. */
export const defaultProfile = (inputs: ProfileInputs): readonly Plugin[] => [
  schedulingGates,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  createVolumeRestrictions(inputs.volumes),
  createVolumeBinding(inputs.volumes),
  createDynamicResources(inputs.devices),
  createPodTopologySpread(inputs.defaultSelector),
  createInterPodAffinity(inputs.namespaceLabels),
  balancedAllocation,
  imageLocality,
];
