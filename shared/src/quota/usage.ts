import type { PersistentVolumeClaim, Pod, Service } from "../api/generated/core-v1.ts";
import type { ResourceClaim } from "../api/generated/resource-v1.ts";
import type { KubeObject } from "../meta/object.ts";
import { podLimits, podRequests, type ResourceAmounts } from "../meta/pods.ts";
import { parseQuantity, quantityOf, quantityOfMillis, type Quantity } from "../meta/quantity.ts";

/** What an object takes from quotas, by quota resource name: for admission, which charges it, and the controller that recounts. */
export type Usage = Readonly<Record<string, Quantity>>;

const one = quantityOf(1);
/** Kinds that could be counted by name before every kind could, as `count/…`. */
const countedByName = new Set([
  "configmaps",
  "persistentvolumeclaims",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "services",
]);

/** @param storage the object's storage name: `pods`, `deployments.apps` */
export function usageOf(storage: string, object: KubeObject): Usage {
  const usage: Record<string, Quantity> = { [`count/${storage}`]: one };
  if (countedByName.has(storage)) usage[storage] = one;
  if (storage === "pods") Object.assign(usage, podUsage(object as unknown as Pod, usage));
  if (storage === "services") Object.assign(usage, serviceUsage(object as unknown as Service));
  if (storage === "persistentvolumeclaims") {
    Object.assign(usage, claimUsage(object as unknown as PersistentVolumeClaim));
  }
  if (storage === "resourceclaims.resource.k8s.io") {
    Object.assign(usage, deviceUsage(object as unknown as ResourceClaim));
  }
  return usage;
}

const native = new Set(["cpu", "memory", "ephemeral-storage"]);

function podUsage(pod: Pod, counted: Usage): Record<string, Quantity> {
  // A pod that has ended still is an object, but runs nothing.
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return { ...counted };
  const usage: Record<string, Quantity> = { pods: one };
  const put = (prefix: string, amounts: ResourceAmounts): void => {
    for (const [name, amount] of Object.entries(amounts)) {
      const quantity = name === "cpu" ? quantityOfMillis(amount) : quantityOf(amount, byteFormat(name));
      if (prefix === "requests" && (native.has(name) || name.startsWith("hugepages-")))
        usage[name] = quantity;
      if (prefix === "requests" || native.has(name)) usage[`${prefix}.${name}`] = quantity;
    }
  };
  put("requests", podRequests(pod));
  put("limits", podLimits(pod));
  return usage;
}

const byteFormat = (name: string): "BinarySI" | "DecimalSI" =>
  name === "memory" || name === "ephemeral-storage" || name.startsWith("hugepages-")
    ? "BinarySI"
    : "DecimalSI";

function serviceUsage({ spec }: Service): Record<string, Quantity> {
  const ports = spec?.ports?.length ?? 0;
  const balanced = spec?.type === "LoadBalancer";
  const nodePorts =
    spec?.type === "NodePort" || (balanced && spec.allocateLoadBalancerNodePorts !== false)
      ? ports
      : (spec?.ports ?? []).filter((p) => p.nodePort).length;
  return {
    "services.nodeports": quantityOf(nodePorts),
    "services.loadbalancers": quantityOf(balanced ? 1 : 0),
  };
}

const classSuffix = ".storageclass.storage.k8s.io/";

function claimUsage(claim: PersistentVolumeClaim): Record<string, Quantity> {
  const storage = parseQuantity(claim.spec?.resources?.requests?.["storage"] ?? "0");
  const className = claim.spec?.storageClassName;
  return {
    "requests.storage": storage,
    ...(className
      ? {
          [`${className}${classSuffix}requests.storage`]: storage,
          [`${className}${classSuffix}persistentvolumeclaims`]: one,
        }
      : {}),
  };
}

const deviceSuffix = ".deviceclass.resource.k8s.io/devices";
/** How many devices a claim can be given at most: what "all of them" counts as. */
const maxDevices = 32;

/** Of alternatives, only one of which is given, each class counts with its largest. */
function deviceUsage({ spec }: ResourceClaim): Record<string, Quantity> {
  const counts: Record<string, number> = {};
  for (const { exactly, firstAvailable } of spec?.devices?.requests ?? []) {
    const largest: Record<string, number> = {};
    for (const request of [...(exactly ? [exactly] : []), ...(firstAvailable ?? [])]) {
      const count = request.allocationMode === "All" ? maxDevices : (request.count ?? 1);
      const name = `${request.deviceClassName}${deviceSuffix}`;
      largest[name] = Math.max(largest[name] ?? 0, count);
    }
    for (const [name, count] of Object.entries(largest)) counts[name] = (counts[name] ?? 0) + count;
  }
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, quantityOf(count)]));
}
