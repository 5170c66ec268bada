import type { DeviceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { forbiddenField, path, type FieldError } from "../../../registry/field.ts";
import type { WriteContext } from "../../../registry/kind.ts";

const label = "resource.kubernetes.io/admin-access";

export const asksForAdminAccess = (claim: DeviceClaim | undefined): boolean =>
  claim?.requests?.some((request) => request.exactly?.adminAccess) ?? false;

/** Devices that others use are for namespaces that an administrator has marked. */
export function validateAdminAccess(asked: boolean, { lookup, namespace }: WriteContext): FieldError[] {
  if (!asked) return [];
  const labels = lookup("namespaces", "", namespace)?.object.metadata.labels;
  if (labels?.[label] === "true") return [];
  return [
    forbiddenField(
      path(""),
      `admin access to devices requires the \`${label}: true\` label on the containing namespace`,
    ),
  ];
}
