import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from "@coracle/shared/api/generated/networking-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, selectorCell } from "../shared/columns.ts";
import { check } from "../shared/names.ts";
import { cidr, parseCIDR } from "../shared/net.ts";
import { validatePort } from "../shared/pod/validate-probe.ts";
import { validateLabelSelector } from "../shared/selector.ts";

const root = path("spec");

export const networkPolicies = defineKind<NetworkPolicy>({
  group: "networking.k8s.io",
  kind: "NetworkPolicy",
  plural: "networkpolicies",
  shortNames: ["netpol"],
  namespaced: true,
  generation: true,
  setDefaults,
  validate,
  validateUpdate: validate,
  columns: [
    nameColumn,
    column("Pod-Selector", (policy) => selectorCell(policy.spec?.podSelector)),
    ageColumn,
  ],
});

/** Ingress is always meant; egress when there are rules for it. */
function setDefaults({ spec }: NetworkPolicy): void {
  if (!spec) return;
  spec.podSelector ??= {};
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
    for (const port of rule.ports ?? []) port.protocol ??= "TCP";
  if (spec.policyTypes?.length) return;
  spec.policyTypes = spec.egress?.length ? ["Ingress", "Egress"] : ["Ingress"];
}

function validate({ spec = {} }: NetworkPolicy): FieldError[] {
  const errors = validateLabelSelector(spec.podSelector, root.child("podSelector"));
  (spec.ingress ?? []).forEach((rule, i) => {
    const at = root.child("ingress").index(i);
    (rule.ports ?? []).forEach((port, n) =>
      errors.push(...validatePolicyPort(port, at.child("ports").index(n))),
    );
    (rule.from ?? []).forEach((peer, n) => errors.push(...validatePeer(peer, at.child("from").index(n))));
  });
  (spec.egress ?? []).forEach((rule, i) => {
    const at = root.child("egress").index(i);
    (rule.ports ?? []).forEach((port, n) =>
      errors.push(...validatePolicyPort(port, at.child("ports").index(n))),
    );
    (rule.to ?? []).forEach((peer, n) => errors.push(...validatePeer(peer, at.child("to").index(n))));
  });
  const types = spec.policyTypes ?? [];
  if (types.length > 2)
    return [
      ...errors,
      invalidValue(root.child("policyTypes"), types, "may not specify more than two policyTypes"),
    ];
  types.forEach((type, i) => {
    if (!["Ingress", "Egress"].includes(type))
      errors.push(notSupported(root.child("policyTypes").index(i), type, ["Ingress", "Egress"]));
  });
  return errors;
}

function validatePolicyPort(port: NetworkPolicyPort, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { protocol, port: first, endPort: last } = port;
  if (protocol !== undefined && !["TCP", "UDP", "SCTP"].includes(protocol))
    errors.push(notSupported(at.child("protocol"), protocol, ["TCP", "UDP", "SCTP"]));
  if (first !== undefined) errors.push(...validatePort(first, at.child("port")));
  if (last === undefined) return errors;
  const where = at.child("endPort");
  if (first === undefined)
    return [...errors, invalidValue(where, last, "may not be specified when `port` is not specified")];
  if (typeof first === "string")
    return [...errors, invalidValue(where, last, "may not be specified when `port` is non-numeric")];
  if (last < first) errors.push(invalidValue(where, first, "must be greater than or equal to `port`"));
  return [...errors, ...validatePort(last, where)];
}

function validatePeer(peer: NetworkPolicyPeer, at: Path): FieldError[] {
  const errors = [
    ...validateLabelSelector(peer.podSelector, at.child("podSelector")),
    ...validateLabelSelector(peer.namespaceSelector, at.child("namespaceSelector")),
  ];
  if (peer.ipBlock) errors.push(...validateBlock(peer.ipBlock, at.child("ipBlock")));
  const selects = peer.podSelector !== undefined || peer.namespaceSelector !== undefined;
  if (peer.ipBlock && selects)
    errors.push(forbiddenField(at, "may not specify both ipBlock and another peer"));
  if (!peer.ipBlock && !selects) errors.push(required(at, "must specify a peer"));
  return errors;
}

function validateBlock(block: IPBlock, at: Path): FieldError[] {
  if (!block.cidr) return [required(at.child("cidr"))];
  const errors = check(cidr, block.cidr, at.child("cidr"));
  const outer = parseCIDR(block.cidr);
  if (!outer) return errors;
  (block.except ?? []).forEach((text, i) => {
    const where = at.child("except").index(i);
    const inner = parseCIDR(text);
    errors.push(...check(cidr, text, where));
    if (!inner) return;
    const inside =
      inner.family === outer.family && inner.base >= outer.base && inner.base < outer.base + outer.size;
    if (!inside || inner.bits <= outer.bits)
      errors.push(invalidValue(where, text, "must be a strict subset of `cidr`"));
  });
  return errors;
}
