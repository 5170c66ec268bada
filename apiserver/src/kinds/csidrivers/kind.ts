import type { CSIDriver } from "@coracle/shared/api/generated/storage-v1.ts";
import {
  duplicate,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, booleanColumn, column, nameColumn } from "../shared/columns.ts";
import { check, dnsSubdomain, tooLongFor } from "../shared/names.ts";
import { validateImmutable } from "../shared/workload.ts";

const root = path("spec");

export const csiDrivers = defineKind<CSIDriver>({
  group: "storage.k8s.io",
  kind: "CSIDriver",
  namespaced: false,
  returnDeleted: true,
  unconditionalUpdate: false,
  generation: true,
  setDefaults: ({ spec }) => {
    if (!spec) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ["Persistent"];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validate,
  validateUpdate: (driver, old) => [
    ...validate(driver),
    ...validateImmutable(
      driver.spec?.attachRequired,
      old.spec?.attachRequired,
      root.child("attachedRequired"),
    ),
    ...validateImmutable(
      driver.spec?.volumeLifecycleModes,
      old.spec?.volumeLifecycleModes,
      root.child("volumeLifecycleModes"),
    ),
  ],
  columns: [
    nameColumn,
    booleanColumn("AttachRequired", (driver) => driver.spec?.attachRequired ?? true),
    booleanColumn("PodInfoOnMount", (driver) => driver.spec?.podInfoOnMount ?? false),
    booleanColumn("StorageCapacity", (driver) => driver.spec?.storageCapacity ?? false),
    column(
      "TokenRequests",
      (driver) => (driver.spec?.tokenRequests ?? []).map((t) => t.audience ?? "").join(",") || "<unset>",
    ),
    booleanColumn("RequiresRepublish", (driver) => driver.spec?.requiresRepublish ?? false),
    column("Modes", (driver) => (driver.spec?.volumeLifecycleModes ?? []).join(",") || "<none>"),
    ageColumn,
  ],
});

function validate({ metadata, spec }: CSIDriver): FieldError[] {
  const errors = check(driverName, metadata.name ?? "", path("name"));
  for (const field of ["attachRequired", "podInfoOnMount", "storageCapacity"] as const)
    if (spec?.[field] === undefined) errors.push(required(root.child(field)));
  const policies = ["File", "None", "ReadWriteOnceWithFSType"];
  if (spec?.fsGroupPolicy !== undefined && !policies.includes(spec.fsGroupPolicy))
    errors.push(notSupported(root.child("fsGroupPolicy"), spec.fsGroupPolicy, policies));
  const modes = ["Ephemeral", "Persistent"];
  for (const mode of spec?.volumeLifecycleModes ?? [])
    if (!modes.includes(mode)) errors.push(notSupported(root.child("volumeLifecycleModes"), mode, modes));
  const audiences = new Set<string>();
  (spec?.tokenRequests ?? []).forEach((request, i) => {
    const at = root.child("tokenRequests").index(i);
    if (audiences.has(request.audience)) errors.push(duplicate(at.child("audience"), request.audience));
    audiences.add(request.audience);
    const seconds = request.expirationSeconds;
    if (seconds !== undefined && seconds < 600)
      errors.push(
        invalidValue(
          at.child("expirationSeconds"),
          seconds,
          "may not specify a duration less than 10 minutes",
        ),
      );
  });
  return errors;
}

/** A driver's name is at most 63 characters and, in lower case, a DNS name. */
export const driverName = (name: string): string[] => [
  ...(name.length > 63 ? [tooLongFor(63)] : []),
  ...dnsSubdomain(name.toLowerCase()),
];
