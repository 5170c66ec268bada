/** A pod from a manifest of the node: what the API server would have done to it is done here. Pure. */
import { createHash } from "node:crypto";
import type { Container, Pod, PodSpec, Probe, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { CONFIG_SOURCE } from "../eviction/critical.ts";
import { parseImage } from "../images/reference.ts";

export const CONFIG_HASH = "kubernetes.io/config.hash";
export const CONFIG_SEEN = "kubernetes.io/config.seen";

/** The manifest is no pod that a node can run by itself. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

export interface ManifestOrigin {
  readonly node: string;
  readonly file: string;
  readonly now: number;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  "system-node-critical": 2_000_001_000,
  "system-cluster-critical": 2_000_000_000,
};

/** The pod of a decoded manifest. @throws ManifestError */
export function staticPod(manifest: unknown, origin: ManifestOrigin): Pod {
  const given = check(manifest);
  const spec = structuredClone(given.spec as PodSpec);
  setDefaults(spec);
  spec.nodeName = origin.node;
  // A static pod stays whatever taints its node gets.
  if (
    !spec.tolerations?.some(
      (t) => t.operator === "Exists" && !t.key && (!t.effect || t.effect === "NoExecute"),
    )
  )
    spec.tolerations = [...(spec.tolerations ?? []), { operator: "Exists", effect: "NoExecute" }];
  const { metadata } = given;
  const uid = metadata.uid ?? hashOf(given, origin);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...(metadata.labels ? { labels: metadata.labels } : {}),
      name: `${metadata.name}-${origin.node.toLowerCase()}`,
      namespace: metadata.namespace ?? "default",
      uid,
      creationTimestamp: new Date(origin.now).toISOString().replace(/\.\d+/, ""),
      annotations: {
        ...metadata.annotations,
        [CONFIG_SOURCE]: "file",
        [CONFIG_HASH]: uid,
        [CONFIG_SEEN]: new Date(origin.now).toISOString(),
      },
    },
    spec,
    status: { phase: "Pending" },
  };
}

/** The same manifest in the same file of the same node is the same pod. */
function hashOf(manifest: object, { node, file }: ManifestOrigin): string {
  const content = JSON.stringify([node, file, manifest]);
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}

function check(manifest: unknown): Pod {
  const pod = (manifest ?? {}) as Partial<Pod>;
  if (pod.kind !== "Pod" || pod.apiVersion !== "v1") throw new ManifestError("not a Pod of version v1");
  const { name = "", namespace = "default" } = pod.metadata ?? {};
  if (!DNS_SUBDOMAIN.test(name) || name.length > 200)
    throw new ManifestError(`metadata.name is not a valid name: ${name}`);
  if (!DNS_LABEL.test(namespace)) throw new ManifestError(`metadata.namespace is not valid: ${namespace}`);
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  if (!Array.isArray(pod.spec?.containers) || pod.spec.containers.length === 0)
    throw new ManifestError("spec.containers must not be empty");
  for (const container of containers) {
    if (!DNS_LABEL.test(container.name ?? ""))
      throw new ManifestError(`a container's name is not valid: ${container.name}`);
    if (!parseImage(container.image ?? ""))
      throw new ManifestError(`the image of container ${container.name} is not valid`);
  }
  if (new Set(containers.map((c) => c.name)).size < containers.length)
    throw new ManifestError("two containers have the same name");
  const reference = apiReference(pod.spec, containers);
  if (reference) throw new ManifestError(`a static pod may not refer to objects of the API: ${reference}`);
  return pod as Pod;
}

/** A node's own pods must be able to run without an API server. */
function apiReference(spec: PodSpec, containers: readonly Container[]): string | undefined {
  if (spec.serviceAccountName || spec.serviceAccount) return "serviceAccountName";
  if (spec.imagePullSecrets?.length) return "imagePullSecrets";
  for (const { env = [], envFrom = [], name } of containers) {
    if (envFrom.length > 0) return `envFrom of container ${name}`;
    if (env.some((e) => e.valueFrom?.secretKeyRef ?? e.valueFrom?.configMapKeyRef))
      return `env of container ${name}`;
  }
  const refers = (v: Volume): boolean =>
    Boolean(v.secret ?? v.configMap ?? v.persistentVolumeClaim ?? v.projected ?? v.ephemeral);
  const volume = spec.volumes?.find(refers);
  return volume && `volume ${volume.name}`;
}

function setDefaults(spec: PodSpec): void {
  spec.restartPolicy ??= "Always";
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= "ClusterFirst";
  spec.schedulerName ??= "default-scheduler";
  spec.securityContext ??= {};
  spec.enableServiceLinks ??= true;
  const priority = SYSTEM_PRIORITIES[spec.priorityClassName ?? ""];
  if (priority !== undefined) spec.priority ??= priority;
  for (const { hostPath } of spec.volumes ?? []) if (hostPath) hostPath.type ??= "";
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    setContainerDefaults(container);
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ??= port.containerPort;
  }
}

function setContainerDefaults(container: Container): void {
  const image = parseImage(container.image ?? "");
  const moving = !image?.digest && (image?.tag === undefined || image.tag === "latest");
  container.imagePullPolicy ??= moving ? "Always" : "IfNotPresent";
  container.terminationMessagePath ??= "/dev/termination-log";
  container.terminationMessagePolicy ??= "File";
  container.resources ??= {};
  const { limits, requests } = container.resources;
  if (limits) container.resources.requests = { ...limits, ...requests };
  for (const port of container.ports ?? []) port.protocol ??= "TCP";
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    setProbeDefaults(probe);
}

function setProbeDefaults(probe: Probe | undefined): void {
  if (!probe) return;
  probe.timeoutSeconds ??= 1;
  probe.periodSeconds ??= 10;
  probe.successThreshold ??= 1;
  probe.failureThreshold ??= 3;
  if (!probe.httpGet) return;
  probe.httpGet.path ??= "/";
  probe.httpGet.scheme ??= "HTTP";
}
