import type { TokenRequest } from "@coracle/shared/api/generated/authentication-v1.ts";
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from "@coracle/shared/api/generated/core-v1.ts";
import type { ResourceSlice } from "@coracle/shared/api/generated/resource-v1.ts";
import type { CSIDriver } from "@coracle/shared/api/generated/storage-v1.ts";
import { nodeOfUser } from "../authz/node.ts";
import {
  annotationsOf,
  cached,
  objectOf,
  oldObjectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "./plugin.ts";

const mirror = "kubernetes.io/config.mirror";

/** A kubelet changes its own node and the pods bound to it, and of these only what is its to say. */
export const nodeRestriction: AdmissionPlugin = {
  name: "NodeRestriction",
  handles: (a) => a.user.username.startsWith("system:node:"),
  validate(a, ctx) {
    const node = nodeOfUser(a.user);
    if (node === undefined) return;
    const what = a.subresource ? `${a.kind.storage}/${a.subresource}` : a.kind.storage;
    rules[what]?.(a, node, ctx);
  },
};

type Rule = (a: Attributes, node: string, ctx: AdmissionContext) => void;

const rules: Readonly<Record<string, Rule>> = {
  pods: (a, node) => {
    if (a.operation === "CREATE") return createPod(a, node);
    if (a.operation === "DELETE") return demandOwn(a, node, oldObjectOf<Pod>(a), "delete pods");
    throw refuse(
      a,
      `unexpected operation ${JSON.stringify(a.operation)}, node ${q(node)} can only create and delete mirror pods`,
    );
  },
  "pods/status": (a, node) => {
    demandOwn(a, node, oldObjectOf<Pod>(a), "update pod status for pods");
    const labels = (p: Pod | undefined): string => JSON.stringify(p?.metadata.labels ?? {});
    if (labels(oldObjectOf<Pod>(a)) !== labels(objectOf<Pod>(a))) {
      throw refuse(a, `node ${q(node)} cannot update labels through pod status`);
    }
    const claims = (p: Pod | undefined): string => JSON.stringify(p?.status?.resourceClaimStatuses ?? []);
    if (claims(oldObjectOf<Pod>(a)) !== claims(objectOf<Pod>(a))) {
      throw refuse(a, `node ${q(node)} cannot update resource claim statuses`);
    }
  },
  "pods/eviction": (a, node, ctx) =>
    demandOwn(a, node, cached<Pod>(ctx, "pods", a.namespace, a.name), "evict pods"),
  nodes: ownNode,
  "nodes/status": ownNode,
  "persistentvolumeclaims/status": (a, node) => {
    const fixed = (claim: PersistentVolumeClaim): string => {
      const { resourceVersion: _, managedFields: __, ...metadata } = claim.metadata;
      return JSON.stringify([metadata, claim.spec]);
    };
    const old = oldObjectOf<PersistentVolumeClaim>(a);
    if (old && fixed(old) !== fixed(objectOf<PersistentVolumeClaim>(a))) {
      throw refuse(
        a,
        `node ${q(node)} is not allowed to update fields other than status of a persistentvolumeclaim`,
      );
    }
  },
  "serviceaccounts/token": tokenRequest,
  "leases.coordination.k8s.io": (a, node) => {
    if (a.namespace !== "kube-node-lease") {
      throw refuse(a, 'can only access leases in the "kube-node-lease" system namespace');
    }
    demandName(a, node, "can only access node lease with the same name as the requesting node");
  },
  "resourceslices.resource.k8s.io": (a, node) => {
    // Others are not the node's to name: the authorizer refuses to change them.
    if (a.operation !== "CREATE" && a.operation !== "DELETE") return;
    const slice = a.operation === "CREATE" ? objectOf<ResourceSlice>(a) : oldObjectOf<ResourceSlice>(a);
    if (slice?.spec?.nodeName === node) return;
    const verb = a.operation.toLowerCase();
    throw refuse(a, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
  },
  "csinodes.storage.k8s.io": (a, node) =>
    demandName(a, node, "can only access CSINode with the same name as the requesting node"),
};

const q = (text: string): string => JSON.stringify(text);

function demandOwn(a: Attributes, node: string, pod: Pod | undefined, action: string): void {
  if (pod?.spec?.nodeName === node) return;
  throw refuse(a, `node ${q(node)} can only ${action} with spec.nodeName set to itself`);
}

function demandName(a: Attributes, node: string, why: string): void {
  if ((a.name || a.object?.metadata.name) !== node) throw refuse(a, why);
}

function createPod(a: Attributes, node: string): void {
  const pod = objectOf<Pod>(a);
  const { spec } = pod;
  if (annotationsOf(pod)[mirror] === undefined) {
    throw refuse(a, `pod does not have ${q(mirror)} annotation, node ${q(node)} can only create mirror pods`);
  }
  demandOwn(a, node, pod, "create pods");
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0)
    throw refuse(a, `node ${q(node)} can only create pods with a single owner reference set to itself`);
  if (owner && (owner.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== node)) {
    throw refuse(a, `node ${q(node)} can only create pods with an owner reference set to itself`);
  }
  const refers = (what: string): never => {
    throw refuse(a, `node ${q(node)} can not create pods that reference ${what}`);
  };
  if (spec?.serviceAccountName) refers("a service account");
  if (spec?.resourceClaims?.length) refers("resourceclaims");
  for (const volume of spec?.volumes ?? []) {
    if (volume.secret || volume.projected?.sources?.some((s) => s.secret)) refers("secrets");
    if (volume.configMap || volume.projected?.sources?.some((s) => s.configMap)) refers("configmaps");
    if (volume.persistentVolumeClaim || volume.ephemeral) refers("persistentvolumeclaims");
  }
  for (const { env, envFrom } of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
    if (envFrom?.some((e) => e.secretRef) || env?.some((e) => e.valueFrom?.secretKeyRef)) refers("secrets");
    if (envFrom?.some((e) => e.configMapRef) || env?.some((e) => e.valueFrom?.configMapKeyRef))
      refers("configmaps");
  }
}

function ownNode(a: Attributes, node: string): void {
  const requested = a.name || a.object?.metadata.name || "";
  if (requested !== node) throw refuse(a, `node ${q(node)} is not allowed to modify node ${q(requested)}`);
  if (a.operation === "DELETE") throw refuse(a, `node ${q(node)} is not allowed to delete itself`);
  const next = objectOf<Node>(a);
  const old = oldObjectOf<Node>(a);
  if (next.spec?.configSource) throw refuse(a, `node ${q(node)} is not allowed to set configSource`);
  const owners = (n: Node | undefined): string => JSON.stringify(n?.metadata.ownerReferences ?? []);
  if (owners(next) !== owners(old))
    throw refuse(a, `node ${q(node)} is not allowed to modify ownerReferences`);
  const restricted = changedLabels(next, old).filter((l) => !mayLabel(l));
  if (restricted.length > 0) {
    const verb = a.operation === "CREATE" ? "set" : "modify";
    throw refuse(
      a,
      `is not allowed to ${verb} labels: ${restricted.toSorted((x, y) => (x < y ? -1 : 1)).join(", ")}`,
    );
  }
  if (old && JSON.stringify(old.spec?.taints ?? []) !== JSON.stringify(next.spec?.taints ?? [])) {
    throw refuse(a, `node ${q(node)} is not allowed to modify taints`);
  }
}

function changedLabels(next: Node, old: Node | undefined): string[] {
  const [after, before] = [next.metadata.labels ?? {}, old?.metadata.labels ?? {}];
  return [...new Set([...Object.keys(after), ...Object.keys(before)])].filter((l) => after[l] !== before[l]);
}

const ownLabels = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "kubernetes.io/instance-type",
  "beta.kubernetes.io/instance-type",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.kubernetes.io/zone",
  "failure-domain.kubernetes.io/region",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "node.kubernetes.io/instance-type",
  "node.kubernetes.io/windows-build",
]);

/** Labels of the kubernetes.io and k8s.io domains steer pods to nodes; a node sets only those that describe it. */
function mayLabel(label: string): boolean {
  const domain = label.includes("/") ? label.slice(0, label.indexOf("/")) : "";
  const within = (suffix: string): boolean => domain === suffix || domain.endsWith(`.${suffix}`);
  if (within("node-restriction.kubernetes.io")) return false;
  if (!within("kubernetes.io") && !within("k8s.io")) return true;
  return ownLabels.has(label) || within("kubelet.kubernetes.io") || within("node.kubernetes.io");
}

/** A node gets tokens only for pods that run on it. */
function tokenRequest(a: Attributes, node: string, ctx: AdmissionContext): void {
  const ref = objectOf<TokenRequest>(a).spec?.boundObjectRef;
  if (ref?.kind !== "Pod" || ref.apiVersion !== "v1" || !ref.name) {
    throw refuse(a, "node requested token not bound to a pod");
  }
  if (!ref.uid) throw refuse(a, "node requested token with a pod binding without a uid");
  const pod = cached<Pod>(ctx, "pods", a.namespace, ref.name);
  if (!pod) throw refuse(a, `pod ${q(ref.name)} not found`);
  if (pod.metadata.uid !== ref.uid) {
    throw refuse(
      a,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record (${pod.metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec?.nodeName !== node)
    throw refuse(a, "node requested token bound to a pod scheduled on a different node");
  const audiences = objectOf<TokenRequest>(a).spec?.audiences ?? [];
  if (audiences.length > 1) throw refuse(a, "node may only request 0 or 1 audiences");
  const audience = audiences[0] ?? "";
  if (asksForAudience(pod, audience, a.namespace, ctx) || mayRequest(a, audience, ctx)) return;
  throw refuse(
    a,
    `audience ${q(audience)} not found in pod spec volume, ${a.user.username} is not authorized to request tokens for this audience`,
  );
}

/** Whether a volume of the pod holds a token for the audience: a projected one, or one that its CSI driver is given. */
function asksForAudience(pod: Pod, audience: string, namespace: string, ctx: AdmissionContext): boolean {
  return (pod.spec?.volumes ?? []).some((volume) => {
    const projected = volume.projected?.sources?.some(
      ({ serviceAccountToken: t }) => t && (t.audience ?? "") === audience,
    );
    if (projected) return true;
    const driver = driverOf(volume, pod, namespace, ctx);
    const declared = driver
      ? cached<CSIDriver>(ctx, "csidrivers.storage.k8s.io", "", driver)?.spec.tokenRequests
      : undefined;
    return declared?.some((t) => t.audience === audience) ?? false;
  });
}

function driverOf(volume: Volume, pod: Pod, namespace: string, ctx: AdmissionContext): string | undefined {
  if (volume.csi) return volume.csi.driver;
  const name = volume.ephemeral
    ? `${pod.metadata.name}-${volume.name}`
    : volume.persistentVolumeClaim?.claimName;
  const claim = name && cached<PersistentVolumeClaim>(ctx, "persistentvolumeclaims", namespace, name);
  const bound = claim && claim.spec?.volumeName;
  return bound ? cached<PersistentVolume>(ctx, "persistentvolumes", "", bound)?.spec?.csi?.driver : undefined;
}

/** Administrators may let nodes have tokens for further audiences by a verb of its own. */
const mayRequest = (a: Attributes, audience: string, ctx: AdmissionContext): boolean =>
  ctx.authorize(a.user, {
    isResource: true,
    verb: "request-serviceaccounts-token-audience",
    path: "",
    group: "",
    version: "v1",
    resource: audience,
    subresource: "",
    namespace: a.namespace,
    name: a.name,
  }).allowed;
