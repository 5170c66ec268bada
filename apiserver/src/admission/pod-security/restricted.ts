import type { Volume } from "@coracle/shared/api/generated/core-v1.ts";
import {
  addedCapabilities,
  baselineChecks,
  capabilities,
  hostPathVolumes,
  seccompUnconfined,
} from "./baseline.ts";
import {
  containers,
  containersOf,
  isWindows,
  namesWhere,
  plural,
  quoted,
  setters,
  type Check,
} from "./check.ts";

const allowPrivilegeEscalation: Check = ({ spec }) => {
  if (isWindows(spec)) return undefined;
  const names = namesWhere(spec, (c) => c.securityContext?.allowPrivilegeEscalation !== false);
  if (names.length === 0) return undefined;
  return {
    reason: "allowPrivilegeEscalation != false",
    detail: `${containers(names)} must set securityContext.allowPrivilegeEscalation=false`,
  };
};

const restrictedCapabilities: Check = ({ spec }) => {
  if (isWindows(spec)) return undefined;
  const keeping = namesWhere(spec, (c) => !c.securityContext?.capabilities?.drop?.includes("ALL"));
  const added = addedCapabilities(spec, new Set(["NET_BIND_SERVICE"]));
  const details = [
    ...(keeping.length > 0
      ? [`${containers(keeping)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(added ? [added] : []),
  ];
  return details.length > 0 ? { reason: "unrestricted capabilities", detail: details.join("; ") } : undefined;
};

const allowedVolumes = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
]);

const typeOf = (volume: Volume): string =>
  Object.entries(volume).find(([field, value]) => field !== "name" && value !== undefined)?.[0] ?? "emptyDir";

const restrictedVolumes: Check = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((v) => !allowedVolumes.has(typeOf(v)));
  if (bad.length === 0) return undefined;
  const types = [...new Set(bad.map(typeOf))].toSorted((a, b) => (a < b ? -1 : 1));
  const verb = bad.length === 1 ? "uses" : "use";
  return {
    reason: "restricted volume types",
    detail: `${plural(
      "volume",
      bad.map((v) => v.name),
    )} ${verb} restricted volume ${plural("type", types)}`,
  };
};

const runAsNonRoot: Check = ({ spec }) => {
  const reason = "runAsNonRoot != true";
  const explicit = namesWhere(spec, (c) => c.securityContext?.runAsNonRoot === false);
  const byPod = spec.securityContext?.runAsNonRoot;
  const silent = containersOf(spec).filter((c) => c.securityContext?.runAsNonRoot === undefined);
  const podIsWrong = byPod === false && silent.length > 0;
  if (podIsWrong || explicit.length > 0) {
    return {
      reason,
      detail: `${setters(podIsWrong, explicit)} must not set securityContext.runAsNonRoot=false`,
    };
  }
  if (byPod === true || silent.length === 0) return undefined;
  return {
    reason,
    detail: `pod or ${containers(silent.map((c) => c.name))} must set securityContext.runAsNonRoot=true`,
  };
};

const runAsUser: Check = ({ spec }) => {
  const pod = spec.securityContext?.runAsUser === 0;
  const names = namesWhere(spec, (c) => c.securityContext?.runAsUser === 0);
  if (!pod && names.length === 0) return undefined;
  return { reason: "runAsUser=0", detail: `${setters(pod, names)} must not set runAsUser=0` };
};

const goodSeccomp = (type: string | undefined): boolean => type === "RuntimeDefault" || type === "Localhost";

const seccomp: Check = ({ spec }) => {
  if (isWindows(spec)) return undefined;
  const reason = "seccompProfile";
  const ofPod = spec.securityContext?.seccompProfile?.type;
  const explicit = containersOf(spec).filter((c) => {
    const type = c.securityContext?.seccompProfile?.type;
    return type !== undefined && !goodSeccomp(type);
  });
  const silent = namesWhere(spec, (c) => c.securityContext?.seccompProfile?.type === undefined);
  const podIsWrong = ofPod !== undefined && !goodSeccomp(ofPod);
  if (podIsWrong || explicit.length > 0) {
    const types = [
      ...(podIsWrong ? [ofPod] : []),
      ...explicit.map((c) => c.securityContext?.seccompProfile?.type ?? ""),
    ];
    const who = setters(
      podIsWrong,
      explicit.map((c) => c.name),
    );
    return { reason, detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(types)}` };
  }
  if (goodSeccomp(ofPod) || silent.length === 0) return undefined;
  return {
    reason,
    detail: `pod or ${containers(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};

/** Stricter forms below take the place of these. */
const replaced = new Set<Check>([capabilities, hostPathVolumes, seccompUnconfined]);

/** In the order of messages. */
export const restrictedChecks: readonly Check[] = [
  ...baselineChecks.filter((c) => !replaced.has(c)),
  allowPrivilegeEscalation,
  restrictedCapabilities,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccomp,
];
