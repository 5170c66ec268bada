import type { DeviceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { forbiddenField, path, type FieldError, type Path } from "../../../registry/field.ts";
import type { WriteContext } from "../../../registry/kind.ts";

const label = "resource.kubernetes.io/admin-access";

/** The first request for devices that others use. */
export function adminAccessOf(claim: DeviceClaim | undefined): Path | undefined {
  const i = (claim?.requests ?? []).findIndex((request) => request.exactly?.adminAccess);
  return i < 0 ? undefined : path("spec", "devices", "requests").index(i).child("adminAccess");
}

/** Devices that others use are for namespaces that an administrator has marked. */
export function validateAdminAccess(
  asked: Path | undefined,
  { lookup, namespace }: WriteContext,
): FieldError[] {
  if (!asked) return [];
  const labels = lookup("namespaces", "", namespace)?.object.metadata.labels;
  if (labels?.[label] === "true") return [];
  const why = `admin access to devices requires the \`${label}: true\` label on the containing namespace`;
  return [forbiddenField(asked, why)];
}
