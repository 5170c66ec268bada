/** Who may write which part of a claim's status: those who give devices out, and the drivers of these devices. */
import type { AllocationResult, ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { forbiddenField, path, type FieldError } from "../../registry/field.ts";
import type { WriteContext } from "../../registry/kind.ts";
import type { UserInfo } from "../../request.ts";
import { validateAdminAccess } from "../shared/dra/admin-access.ts";
import { semanticEqual } from "../shared/equal.ts";
import { deviceKey } from "./validate-status.ts";

const root = path("status");

export const validateRights = (claim: ResourceClaim, old: ResourceClaim, ctx: WriteContext): FieldError[] => [
  ...validateAdmin(claim, old, ctx),
  ...validateBinding(claim, old, ctx),
  ...validateDrivers(claim, old, ctx),
];

const resultsOf = ({ status }: ResourceClaim) => status?.allocation?.devices?.results ?? [];

function validateAdmin(claim: ResourceClaim, old: ResourceClaim, ctx: WriteContext): FieldError[] {
  const i = resultsOf(claim).findIndex((result) => result.adminAccess);
  if (i < 0 || resultsOf(old).some((result) => result.adminAccess)) return [];
  return validateAdminAccess(
    root.child("allocation", "devices", "results").index(i).child("adminAccess"),
    ctx,
  );
}

/** Allocations and reservations are for schedulers and their like. */
function validateBinding(
  { status: next }: ResourceClaim,
  { status: old }: ResourceClaim,
  ctx: WriteContext,
): FieldError[] {
  const same =
    semanticEqual(next?.allocation, old?.allocation) && semanticEqual(next?.reservedFor, old?.reservedFor);
  const { verb } = ctx;
  const refusal = same ? undefined : ctx.refusal({ verb, subresource: "binding", namespace: "", name: "" });
  if (refusal === undefined) return [];
  const why = `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${verb}" permission: ${refusal}`;
  return [forbiddenField(root, why)];
}

/** What is told of a device is for its driver: on the node where the claim's devices are, or anywhere. */
function validateDrivers(claim: ResourceClaim, old: ResourceClaim, ctx: WriteContext): FieldError[] {
  const node = onlyNodeOf(claim.status?.allocation);
  const verbs = [
    ...(node !== undefined && isOnNode(ctx.user, node) ? [`associated-node:${ctx.verb}`] : []),
    `arbitrary-node:${ctx.verb}`,
  ];
  return [...changedDrivers(claim, old)].toSorted().flatMap((name) => {
    const [first, ...others] = verbs.map((verb) =>
      ctx.refusal({ verb, subresource: "driver", namespace: ctx.namespace, name }),
    );
    if (first === undefined || others.includes(undefined)) return [];
    const why = `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(" ")}]" permission: ${first}`;
    return [forbiddenField(root.child("devices"), why)];
  });
}

function changedDrivers({ status: next }: ResourceClaim, { status: old }: ResourceClaim): Set<string> {
  const before = new Map((old?.devices ?? []).map((device) => [deviceKey(device), device]));
  const changed = new Set<string>();
  for (const device of next?.devices ?? []) {
    const key = deviceKey(device);
    if (!semanticEqual(device, before.get(key))) changed.add(device.driver);
    before.delete(key);
  }
  for (const { driver } of before.values()) changed.add(driver);
  return changed;
}

/** The node that an allocation names, and nothing else. */
function onlyNodeOf(allocation: AllocationResult | undefined): string | undefined {
  const [term, ...others] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...more] = term?.matchFields ?? [];
  if (!field || others.length > 0 || more.length > 0 || term?.matchExpressions?.length) return undefined;
  if (field.key !== "metadata.name" || field.operator !== "In" || field.values?.length !== 1)
    return undefined;
  return field.values[0];
}

/** A service account's pod that runs there, by its token. */
function isOnNode({ username, extra }: UserInfo, node: string): boolean {
  const nodes = extra?.["authentication.kubernetes.io/node-name"] ?? [];
  return username.startsWith("system:serviceaccount:") && nodes.length === 1 && nodes[0] === node;
}
