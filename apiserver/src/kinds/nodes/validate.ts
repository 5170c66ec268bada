import type { Node, Taint } from "@coracle/shared/api/generated/core-v1.ts";
import { duplicate, forbiddenField, invalidValue, path, type FieldError } from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, labelValue, qualifiedName } from "../shared/names.ts";
import { cidr } from "../shared/net.ts";
import { validateResourceValue } from "../shared/pod/resources.ts";
import { validateTaintEffect } from "../shared/pod/validate-scheduling.ts";

const spec = path("spec");
const status = path("status");

export function validateNode(node: Node): FieldError[] {
  return [...validateTaints(node.spec?.taints ?? []), ...validateCIDRs(node), ...validateResources(node)];
}

function validateTaints(taints: readonly Taint[]): FieldError[] {
  const seen = new Set<string>();
  const at = path("metadata", "taints");
  return taints.flatMap((taint, i) => {
    const where = at.index(i);
    const errors = check(qualifiedName, taint.key ?? "", where.child("key"));
    const wrong = labelValue(taint.value ?? "");
    if (wrong.length > 0) errors.push(invalidValue(where.child("value"), taint.value ?? "", wrong.join(";")));
    errors.push(...validateTaintEffect(taint.effect, where.child("effect")));
    const pair = `${taint.effect}/${taint.key}`;
    if (seen.has(pair))
      errors.push({
        ...duplicate(where, taint),
        message: `${duplicate(where, taint).message}: taints must be unique by key and effect pair`,
      });
    seen.add(pair);
    return errors;
  });
}

function validateCIDRs({ spec: nodeSpec }: Node): FieldError[] {
  const cidrs = nodeSpec?.podCIDRs ?? [];
  const at = spec.child("podCIDRs");
  const errors = cidrs.flatMap((text, i) => check(cidr, text, at.index(i)));
  if (cidrs.length > 2 || (cidrs.length === 2 && cidrs[0]?.includes(":") === cidrs[1]?.includes(":")))
    errors.push(invalidValue(at, cidrs, "may specify no more than one CIDR for each IP family"));
  return errors;
}

function validateResources({ status: nodeStatus }: Node): FieldError[] {
  const lists = ["capacity", "allocatable"] as const;
  return lists.flatMap((list) =>
    Object.entries(nodeStatus?.[list] ?? {}).flatMap(([name, value]) =>
      validateResourceValue(name, value, status.child(list, name)),
    ),
  );
}

function validateAddresses({ status: nodeStatus }: Node): FieldError[] {
  const seen = new Set<string>();
  return (nodeStatus?.addresses ?? []).flatMap((address, i) => {
    const key = `${address.type}/${address.address}`;
    if (seen.has(key)) return [duplicate(status.child("addresses").index(i), address)];
    seen.add(key);
    return [];
  });
}

/** A node's pod range and provider are given once. */
export function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors = [
    ...validateResources(node),
    ...validateAddresses(node),
    ...validateTaints(node.spec?.taints ?? []),
  ];
  const before = old.spec?.podCIDRs ?? (old.spec?.podCIDR ? [old.spec.podCIDR] : []);
  const after = node.spec?.podCIDRs ?? (node.spec?.podCIDR ? [node.spec.podCIDR] : []);
  if (before.length > 0 && !semanticEqual(before, after))
    errors.push(
      forbiddenField(spec.child("podCIDRs"), 'node updates may not change podCIDR except from "" to valid'),
    );
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID)
    errors.push(
      forbiddenField(
        spec.child("providerID"),
        'node updates may not change providerID except from "" to valid',
      ),
    );
  if (node.spec?.externalID !== old.spec?.externalID)
    errors.push(forbiddenField(spec.child("externalID"), "may not be updated"));
  return errors;
}
