import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from "@coracle/shared/api/generated/apiextensions-v1.ts";
import {
  forbiddenField,
  immutable,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { validateClientConfig } from "../shared/admission.ts";
import { check, dnsLabel1035, dnsSubdomain } from "../shared/names.ts";
import { validateVersion } from "./validate-version.ts";

const root = path("spec");
const approvedAnnotation = "api-approved.kubernetes.io";

/** Everything that must hold of a definition, whatever it was before. */
export function validate(definition: CustomResourceDefinition): FieldError[] {
  return [...validateName(definition), ...validateApproval(definition), ...validateSpec(definition.spec)];
}

function validateName({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const expected = `${spec?.names?.plural ?? ""}.${spec?.group ?? ""}`;
  return metadata.name === expected || !metadata.name
    ? []
    : [invalidValue(path("metadata", "name"), metadata.name, 'must be spec.names.plural+"."+spec.group')];
}

/** Groups of the Kubernetes community are not anybody's to define. */
export const isProtected = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group);

/** @returns why the annotation is not what such a group needs; undefined when it is */
export function approvalProblem(definition: CustomResourceDefinition): { missing: boolean } | undefined {
  if (!isProtected(definition.spec?.group ?? "")) return undefined;
  const annotation = definition.metadata.annotations?.[approvedAnnotation];
  if (annotation === undefined || annotation === "") return { missing: true };
  if (annotation.startsWith("unapproved") || URL.canParse(annotation)) return undefined;
  return { missing: false };
}

function validateApproval(definition: CustomResourceDefinition): FieldError[] {
  const problem = approvalProblem(definition);
  if (!problem) return [];
  const at = path("metadata", "annotations").key(approvedAnnotation);
  const see = "see https://github.com/kubernetes/enhancements/pull/1111";
  return problem.missing
    ? [required(at, `protected groups must have approval annotation "${approvedAnnotation}", ${see}`)]
    : [
        invalidValue(
          at,
          definition.metadata.annotations?.[approvedAnnotation],
          `protected groups must have approval annotation "${approvedAnnotation}" with either a URL or a reason starting with "unapproved", ${see}`,
        ),
      ];
}

function validateSpec(spec: CustomResourceDefinitionSpec | undefined): FieldError[] {
  const { group = "", scope = "", names, versions = [] } = spec ?? {};
  const errors: FieldError[] = [];
  if (!group) errors.push(required(root.child("group")));
  else {
    errors.push(...check(dnsSubdomain, group, root.child("group")));
    if (!group.includes("."))
      errors.push(invalidValue(root.child("group"), group, "should be a domain with at least one dot"));
  }
  const scopes = ["Cluster", "Namespaced"];
  if (!scope) errors.push(required(root.child("scope")));
  else if (!scopes.includes(scope)) errors.push(notSupported(root.child("scope"), scope, scopes));
  errors.push(...validateVersions(spec, versions));
  errors.push(...validateNames(names, root.child("names")));
  if (names?.kind && names.kind === names.listKind) {
    errors.push(
      invalidValue(root.child("names", "listKind"), names.listKind, "kind and listKind may not be the same"),
    );
  }
  return [...errors, ...validateConversion(spec)];
}

function validateVersions(
  spec: CustomResourceDefinitionSpec | undefined,
  versions: CustomResourceDefinitionSpec["versions"],
): FieldError[] {
  const at = root.child("versions");
  const errors: FieldError[] = [];
  if (spec?.preserveUnknownFields === true) {
    errors.push(
      invalidValue(
        root.child("preserveUnknownFields"),
        true,
        "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
      ),
    );
  }
  versions.forEach((version, i) => {
    errors.push(...check(dnsLabel1035, version.name ?? "", at.index(i).child("name")));
    errors.push(...validateVersion(version, at.index(i)));
  });
  const names = versions.map((version) => version.name);
  if (new Set(names).size < names.length)
    errors.push(invalidValue(at, brief(versions), "must contain unique version names"));
  if (versions.filter((version) => version.storage).length !== 1) {
    errors.push(invalidValue(at, brief(versions), "must have exactly one version marked as storage version"));
  }
  return errors;
}

/** Versions without their schemas, which nobody wants to read in a message. */
const brief = (versions: CustomResourceDefinitionSpec["versions"]): object[] =>
  versions.map(({ name, served, storage }) => ({ name, served, storage }));

/** Also for the names accepted, in the status. */
export function validateNames(names: CustomResourceDefinitionNames | undefined, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (!names?.plural) errors.push(required(at.child("plural")));
  else errors.push(...check(dnsLabel1035, names.plural, at.child("plural")));
  if (!names?.singular) errors.push(required(at.child("singular")));
  else errors.push(...check(dnsLabel1035, names.singular, at.child("singular")));
  for (const field of ["kind", "listKind"] as const) {
    const value = names?.[field];
    if (!value) {
      errors.push(required(at.child(field)));
      continue;
    }
    for (const problem of dnsLabel1035(value.toLowerCase())) {
      const why = `may have mixed case, but should otherwise match: ${problem}`;
      errors.push(invalidValue(at.child(field), value, why));
    }
  }
  for (const field of ["shortNames", "categories"] as const) {
    (names?.[field] ?? []).forEach((name, i) =>
      errors.push(...check(dnsLabel1035, name, at.child(field).index(i))),
    );
  }
  return errors;
}

const strategies = ["None", "Webhook"];

function validateConversion(spec: CustomResourceDefinitionSpec | undefined): FieldError[] {
  const at = root.child("conversion");
  const { conversion } = spec ?? {};
  if (!conversion) return [];
  const errors: FieldError[] = [];
  if (!conversion.strategy) errors.push(required(at.child("strategy")));
  else if (!strategies.includes(conversion.strategy))
    errors.push(notSupported(at.child("strategy"), conversion.strategy, strategies));
  const { webhook } = conversion;
  if (conversion.strategy !== "Webhook") {
    if (webhook)
      errors.push(
        forbiddenField(at.child("webhook"), "should not be set when strategy is not set to Webhook"),
      );
    return errors;
  }
  if (!webhook?.clientConfig) {
    return [
      ...errors,
      required(at.child("webhook", "clientConfig"), "required when strategy is set to Webhook"),
    ];
  }
  errors.push(...validateClientConfig(webhook.clientConfig, at.child("webhook", "clientConfig")));
  return [...errors, ...validateReviewVersions(webhook.conversionReviewVersions ?? [], at)];
}

function validateReviewVersions(versions: readonly string[], conversion: Path): FieldError[] {
  const at = conversion.child("webhook", "conversionReviewVersions");
  if (versions.length === 0) return [required(at)];
  const errors = versions.flatMap((version, i) => check(dnsLabel1035, version, at.index(i)));
  if (versions.some((version) => version === "v1" || version === "v1beta1")) return errors;
  return [...errors, invalidValue(at, versions, "must include at least one of v1, v1beta1")];
}

/** What may not change, besides. */
export function validateUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const errors = [...validate(definition), ...validateStoredVersions(definition)];
  const established = old.status?.conditions?.some((c) => c.type === "Established" && c.status === "True");
  const [spec, before] = [definition.spec, old.spec];
  if (established) {
    if (spec?.scope !== before?.scope) errors.push(immutable(root.child("scope"), spec?.scope));
    if (spec?.names?.kind !== before?.names?.kind)
      errors.push(immutable(root.child("names", "kind"), spec?.names?.kind));
  }
  if (spec?.group !== before?.group) errors.push(immutable(root.child("group"), spec?.group));
  if (spec?.names?.plural !== before?.names?.plural)
    errors.push(immutable(root.child("names", "plural"), spec?.names?.plural));
  return errors;
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const at = path("status", "storedVersions");
  const stored = status?.storedVersions ?? [];
  const versions = spec?.versions ?? [];
  if (stored.length === 0) return [invalidValue(at, stored, "must have at least one stored version")];
  const errors = stored.flatMap((name, i) =>
    versions.some((version) => version.name === name)
      ? []
      : [
          invalidValue(
            at.index(i),
            name,
            `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
          ),
        ],
  );
  const storage = versions.find((version) => version.storage)?.name;
  if (storage && !stored.includes(storage))
    errors.push(invalidValue(at, stored, `must have the storage version ${storage}`));
  return errors;
}

export function validateStatusUpdate(definition: CustomResourceDefinition): FieldError[] {
  const { acceptedNames } = definition.status ?? {};
  return [...validateStoredVersions(definition), ...(acceptedNames ? validateAccepted(acceptedNames) : [])];
}

/** Names that were not accepted are empty there. */
const validateAccepted = (names: CustomResourceDefinitionNames): FieldError[] =>
  names.plural && names.kind ? validateNames(names, path("status", "acceptedNames")) : [];
