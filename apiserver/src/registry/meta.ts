import type { ObjectMeta, OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  check,
  dnsLabel,
  dnsLabel1035,
  dnsSubdomain,
  labelValue,
  pathSegment,
  qualifiedName,
  type StringRule,
} from "../kinds/shared/names.ts";
import { immutable, invalidValue, forbiddenField, path, Path, required, tooLong } from "./field.ts";
import type { FieldError } from "./field.ts";
import type { Kind } from "./kind.ts";

/** Upstream's rules for ObjectMeta, the same for every kind. */
const root = path("metadata");
const maxAnnotationBytes = 256 * 1024;
const standardFinalizers = new Set(["kubernetes", "foregroundDeletion", "orphan"]);
const bannedOwners = new Set(["v1/Event"]);

const nameRules: Readonly<Record<Kind["nameRule"], StringRule>> = {
  dnsSubdomain,
  dnsLabel,
  dnsLabel1035,
  pathSegment,
};

/** A prefix of a generated name may end in a dash. */
const asPrefix =
  (rule: StringRule): StringRule =>
  (value) =>
    rule(value.endsWith("-") ? `${value.slice(0, -1)}a` : value);

/** Validates the metadata of an object about to be created. */
export function validateMeta(kind: Kind, meta: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const rule = nameRules[kind.nameRule];
  if (meta.generateName) errors.push(...check(asPrefix(rule), meta.generateName, root.child("generateName")));
  if (!meta.name) {
    errors.push(required(root.child("name"), "name or generateName is required"));
  } else errors.push(...check(rule, meta.name, root.child("name")));
  if (kind.namespaced) {
    if (!meta.namespace) errors.push(required(root.child("namespace")));
    else errors.push(...check(dnsLabel, meta.namespace, root.child("namespace")));
  } else if (meta.namespace) {
    errors.push(forbiddenField(root.child("namespace"), "not allowed on this type"));
  }
  return [...errors, ...validateSharedMeta(kind, meta)];
}

/** Validates the metadata of an update: nothing that identifies the object may change. */
export function validateMetaUpdate(kind: Kind, meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["name", "namespace", "uid", "creationTimestamp"] as const) {
    if ((meta[field] ?? "") !== (old[field] ?? ""))
      errors.push(immutable(root.child(field), meta[field] ?? ""));
  }
  if (old.deletionTimestamp) {
    const added = (meta.finalizers ?? []).filter((f) => !old.finalizers?.includes(f));
    if (added.length > 0) {
      const list = added.map((f) => JSON.stringify(f)).join(", ");
      errors.push(
        forbiddenField(
          root.child("finalizers"),
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        ),
      );
    }
  }
  return [...errors, ...validateSharedMeta(kind, meta)];
}

/** The metadata of a resource inside of another, which need not have a name. */
export function validateEmbeddedMeta(meta: ObjectMeta, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.name) errors.push(...check(pathSegment, meta.name, at.child("name")));
  if (meta.namespace) errors.push(...check(dnsLabel, meta.namespace, at.child("namespace")));
  return [...errors, ...validateCommonMeta(meta, at)];
}

function validateSharedMeta(kind: Kind, meta: ObjectMeta): FieldError[] {
  const errors = validateCommonMeta(meta, root);
  if (!freeFinalizers(kind)) errors.push(...validateFinalizerNames(meta.finalizers ?? []));
  return errors;
}

function validateCommonMeta(meta: ObjectMeta, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.labels) errors.push(...validateLabels(meta.labels, at.child("labels")));
  if (meta.annotations) errors.push(...validateAnnotations(meta.annotations, at.child("annotations")));
  if (meta.ownerReferences) errors.push(...validateOwners(meta.ownerReferences, at.child("ownerReferences")));
  if (meta.finalizers) errors.push(...validateFinalizers(meta.finalizers, at.child("finalizers")));
  return errors;
}

/** Keys are qualified names, values at most 63 characters. Also for the labels of pod templates. */
export function validateLabels(labels: Readonly<Record<string, string>>, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const key in labels) {
    errors.push(...check(qualifiedName, key, at), ...check(labelValue, labels[key] ?? "", at));
  }
  return errors;
}

/** Keys are qualified names in any case; all together are at most 256 KiB. */
export function validateAnnotations(annotations: Readonly<Record<string, string>>, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const key in annotations) {
    errors.push(...check(qualifiedName, key.toLowerCase(), at));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? "");
  }
  if (bytes > maxAnnotationBytes) errors.push(tooLong(at, maxAnnotationBytes));
  return errors;
}

function validateFinalizers(finalizers: readonly string[], at: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const finalizer of finalizers) {
    errors.push(...check(qualifiedName, finalizer, at));
  }
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(invalidValue(at, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  }
  return errors;
}

const isQualified = (finalizer: string): boolean =>
  finalizer.includes("/") || standardFinalizers.has(finalizer);

/** Where a name without a domain is allowed: custom resources had such finalizers before anybody asked for better ones. */
const freeFinalizers = ({ custom, group }: Kind): boolean =>
  custom !== undefined || group === "apiextensions.k8s.io" || group === "apiregistration.k8s.io";

const validateFinalizerNames = (finalizers: readonly string[]): FieldError[] =>
  finalizers.flatMap((finalizer, i) =>
    isQualified(finalizer)
      ? []
      : [
          invalidValue(
            root.child("finalizers").index(i),
            finalizer,
            "name is neither a standard finalizer name nor is it fully qualified",
          ),
        ],
  );

/** What clients are told of finalizers that are allowed where they should not be: those that an update has not added, they know. */
export function finalizerWarnings(kind: Kind, meta: ObjectMeta, old: ObjectMeta | undefined): string[] {
  if (!freeFinalizers(kind)) return [];
  return (meta.finalizers ?? [])
    .filter((finalizer) => !isQualified(finalizer) && !old?.finalizers?.includes(finalizer))
    .map(
      (finalizer) =>
        `metadata.finalizers: ${JSON.stringify(finalizer)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    );
}

function validateOwners(owners: readonly OwnerReference[], at: Path): FieldError[] {
  const errors: FieldError[] = [];
  let controller: OwnerReference | undefined;
  owners.forEach((owner, i) => {
    const here = at.index(i);
    const [version, ...tooMany] = owner.apiVersion ? owner.apiVersion.split("/").toReversed() : [""];
    if (!version || tooMany.length > 1) {
      errors.push(invalidValue(here.child("apiVersion"), owner.apiVersion, "version must not be empty"));
    }
    if (!owner.kind) errors.push(invalidValue(here.child("kind"), owner.kind, "must not be empty"));
    if (!owner.name) errors.push(invalidValue(here.child("name"), owner.name, "must not be empty"));
    if (!owner.uid) errors.push(invalidValue(here.child("uid"), owner.uid, "must not be empty"));
    if (bannedOwners.has(`${owner.apiVersion}/${owner.kind}`)) {
      errors.push(invalidValue(here, owner, `/v1, Kind=${owner.kind} is disallowed from being an owner`));
    }
    if (owner.controller !== true) return;
    if (controller) {
      errors.push(
        invalidValue(
          at,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller.name} and ${owner.name}`,
        ),
      );
    }
    controller ??= owner;
  });
  return errors;
}
