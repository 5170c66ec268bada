import type { ContainerStatus, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  immutable,
  invalidValue,
  path,
  type FieldError,
} from "../../registry/field.ts";
import { check, dnsSubdomain, qualifiedName } from "../shared/names.ts";
import { familyOf, ipAddress } from "../shared/net.ts";
import { validateClaimStatuses } from "../shared/pod/validate-claims.ts";

const status = path("status");
const systemConditions = new Set(["PodScheduled", "Ready", "Initialized"]);

/** What a kubelet may write: never another node, never a container that came back from its end. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = (pod.status?.conditions ?? []).flatMap((condition, i) =>
    systemConditions.has(condition.type)
      ? []
      : check(qualifiedName, condition.type ?? "", path("metadata", "conditions").index(i).child("Type")),
  );
  if (pod.spec?.nodeName !== old.spec?.nodeName)
    errors.push(forbiddenField(status.child("nodeName"), "may not be changed directly"));
  const nominated = pod.status?.nominatedNodeName;
  if (nominated && nominated !== old.status?.nominatedNodeName)
    errors.push(...check(dnsSubdomain, nominated, status.child("nominatedNodeName")));
  // A kubelet that leaves the class out does not mean to change it.
  const { qosClass } = pod.status ?? {};
  if (qosClass && old.status?.qosClass && qosClass !== old.status.qosClass)
    errors.push(immutable(status.child("qosClass"), qosClass));
  return [
    ...errors,
    ...validateAllStates(pod, old),
    ...validateClaimStatuses(
      pod.status?.resourceClaimStatuses,
      pod.spec,
      status.child("resourceClaimStatuses"),
    ),
    ...validateAddresses(pod),
  ];
}

function validateAllStates(pod: Pod, old: Pod): FieldError[] {
  const pair = (list: "containerStatuses" | "initContainerStatuses" | "ephemeralContainerStatuses") => ({
    next: pod.status?.[list] ?? [],
    old: old.status?.[list] ?? [],
    list,
  });
  const policy = old.spec?.restartPolicy ?? "Always";
  const containers = [...(old.spec?.containers ?? []), ...(old.spec?.initContainers ?? [])];
  // One container's end may have all of them started over, however they ended themselves.
  const startsOver = containers.some((c) =>
    c.restartPolicyRules?.some(({ action }) => action === "RestartAllContainers"),
  );
  const policyOf = (name: string): string => {
    if (startsOver) return "Always";
    const container = containers.find((c) => c.name === name);
    return container?.restartPolicyRules?.length ? "Always" : (container?.restartPolicy ?? policy);
  };
  return [
    ...validateStates(pair("containerStatuses"), policyOf),
    ...validateStates(pair("initContainerStatuses"), policyOf),
    ...validateStates(pair("ephemeralContainerStatuses"), () => "Never"),
  ];
}

interface Statuses {
  readonly next: readonly ContainerStatus[];
  readonly old: readonly ContainerStatus[];
  readonly list: string;
}

function validateStates({ next, old, list }: Statuses, policyOf: (name: string) => string): FieldError[] {
  return old.flatMap((before, i) => {
    const ended = before.state?.terminated;
    const after = next.find((s) => s.name === before.name);
    if (!ended || !after || after.state?.terminated) return [];
    const policy = policyOf(before.name);
    if (policy === "Always" || (policy === "OnFailure" && ended.exitCode !== 0)) return [];
    return [
      forbiddenField(
        status.child(list).index(i).child("state"),
        "may not be transitioned to non-terminated state",
      ),
    ];
  });
}

function validateAddresses({ status: given }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const { hostIP, hostIPs = [] } = given ?? {};
  const first = hostIPs[0]?.ip;
  if (first !== undefined && hostIP !== undefined && hostIP !== first)
    errors.push(
      invalidValue(status.child("hostIPs").index(0).child("ip"), first, "must be equal to `hostIP`"),
    );
  for (const list of ["podIPs", "hostIPs"] as const) {
    const ips = (given?.[list] ?? []).map((item) => item.ip ?? "");
    const at = status.child(list);
    ips.forEach((ip, i) => {
      errors.push(...check(ipAddress, ip, at.index(i)));
      if (ips.indexOf(ip) !== i) errors.push(duplicate(at.index(i), { ip }));
    });
    if (ips.length > 1 && new Set(ips.map(familyOf)).size < ips.length)
      errors.push(invalidValue(at, given?.[list], "may specify no more than one IP for each IP family"));
  }
  return errors;
}
