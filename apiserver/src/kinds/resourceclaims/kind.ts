import type { ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { adminAccessOf, validateAdminAccess } from "../shared/dra/admin-access.ts";
import { setClaimDefaults, setTolerationDefaults, validateClaimSpec } from "../shared/dra/claim.ts";
import { validateImmutable } from "../shared/workload.ts";
import { validateRights } from "./rights.ts";
import { deviceKey, validateClaimStatus } from "./validate-status.ts";

const root = path("spec");

/** Devices that pods ask for; what they get is in its status. */
export const resourceClaims = defineKind<ResourceClaim>({
  group: "resource.k8s.io",
  kind: "ResourceClaim",
  namespaced: true,
  returnDeleted: true,
  status: true,
  setDefaults: ({ spec, status }) => {
    setClaimDefaults(spec);
    for (const result of status?.allocation?.devices?.results ?? [])
      setTolerationDefaults(result.tolerations);
  },
  prepareForCreate: (claim) => {
    claim.status = {};
  },
  prepareForStatusUpdate: dropDeallocated,
  validate: (claim, ctx) => [
    ...validateAdminAccess(adminAccessOf(claim.spec?.devices), ctx),
    ...validateClaimSpec(claim.spec, root),
  ],
  // What may not change need not be judged again.
  validateUpdate: (claim, old) => validateImmutable(claim.spec, old.spec, root),
  validateStatusUpdate: (claim, old, ctx) => [
    ...validateRights(claim, old, ctx),
    ...validateClaimStatus(claim, old),
  ],
  columns: [nameColumn, column("State", stateCell), ageColumn],
});

/** What is told of a device goes with its allocation. */
function dropDeallocated({ status }: ResourceClaim, old: ResourceClaim): void {
  const results = (claim: ResourceClaim["status"]) => claim?.allocation?.devices?.results ?? [];
  const gone = new Set(results(old.status).map(deviceKey));
  for (const result of results(status)) gone.delete(deviceKey(result));
  if (!status?.devices || gone.size === 0) return;
  status.devices = status.devices.filter((device) => !gone.has(deviceKey(device)));
  if (status.devices.length === 0) delete status.devices;
}

function stateCell({ metadata, status }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp ? ["deleted"] : [];
  if (!status?.allocation) return deleted[0] ?? "pending";
  return [...deleted, "allocated", ...(status.reservedFor?.length ? ["reserved"] : [])].join(",");
}
