import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  Subject,
} from "@coracle/shared/api/generated/flowcontrol-v1.ts";
import { defaultFlowSchemas, mandatory } from "../../flowcontrol/bootstrap.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, integerColumn, nameColumn, none, orNone } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { between, check, dnsSubdomain, pathSegment } from "../shared/names.ts";

const root = path("spec");
const fixedSchemas = new Map(
  defaultFlowSchemas
    .filter(({ metadata }) => mandatory.has(metadata.name ?? ""))
    .map((s) => [s.metadata.name, s]),
);

export const flowSchemas = defineKind<FlowSchema>({
  group: "flowcontrol.apiserver.k8s.io",
  kind: "FlowSchema",
  namespaced: false,
  status: true,
  metadataOutsideStatus: ["labels", "annotations", "finalizers", "ownerReferences"],
  generation: true,
  setDefaults: ({ spec }) => {
    if (spec) spec.matchingPrecedence ||= 1000;
  },
  prepareForCreate: (schema) => {
    schema.status = {};
  },
  validate,
  validateUpdate: validate,
  columns: [
    nameColumn,
    column("PriorityLevel", (schema) => orNone(schema.spec?.priorityLevelConfiguration?.name)),
    integerColumn("MatchingPrecedence", (schema) => schema.spec?.matchingPrecedence ?? 0),
    column("DistinguisherMethod", (schema) => schema.spec?.distinguisherMethod?.type ?? none),
    ageColumn,
    column("MissingPL", (schema) => dangling(schema)),
  ],
});

const dangling = ({ status }: FlowSchema): string =>
  status?.conditions?.find((c) => c.type === "Dangling")?.status ?? "?";

function validate({ metadata, spec }: FlowSchema): FieldError[] {
  const errors: FieldError[] = [];
  const precedence = spec?.matchingPrecedence ?? 0;
  const at = root.child("matchingPrecedence");
  if (precedence <= 0 || precedence > 10_000) errors.push(invalidValue(at, precedence, between(1, 10_000)));
  if (precedence === 1 && metadata.name !== "exempt")
    errors.push(invalidValue(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  const method = spec?.distinguisherMethod?.type;
  if (spec?.distinguisherMethod && !["ByNamespace", "ByUser"].includes(method ?? ""))
    errors.push(
      notSupported(root.child("distinguisherMethod"), spec.distinguisherMethod, ["ByNamespace", "ByUser"]),
    );
  const level = spec?.priorityLevelConfiguration?.name;
  const where = root.child("priorityLevelConfiguration", "name");
  if (!level) errors.push(required(where, "must reference a priority level"));
  else errors.push(...check(dnsSubdomain, level, where));
  const fixed = fixedSchemas.get(metadata.name ?? "");
  if (fixed && !semanticEqual(spec, fixed.spec))
    errors.push(invalidValue(root, spec, `spec of '${metadata.name}' must equal the fixed value`));
  (spec?.rules ?? []).forEach((rule, i) => errors.push(...validateRule(rule, root.child("rules").index(i))));
  return errors;
}

function validateRule(rule: PolicyRulesWithSubjects, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const subjects = rule.subjects ?? [];
  if (subjects.length === 0)
    errors.push(required(at.child("subjects"), "subjects must contain at least one value"));
  subjects.forEach((subject, i) => errors.push(...validateSubject(subject, at.child("subjects").index(i))));
  const resources = rule.resourceRules ?? [];
  const urls = rule.nonResourceRules ?? [];
  if (resources.length + urls.length === 0)
    errors.push(required(at, "at least one of resourceRules and nonResourceRules has to be non-empty"));
  resources.forEach((r, i) => {
    const where = at.child("resourceRules").index(i);
    errors.push(...validateNames(r.verbs, where.child("verbs"), "verbs"));
    errors.push(...validateNames(r.apiGroups, where.child("apiGroups"), "apiGroups"));
    errors.push(...validateNames(r.resources, where.child("resources"), "resources"));
    if (!r.namespaces?.length && !r.clusterScope)
      errors.push(
        required(
          where.child("namespaces"),
          "resource rules that are not cluster scoped must supply at least one namespace",
        ),
      );
    else errors.push(...validateNames(r.namespaces ?? ["*"], where.child("namespaces"), "namespaces"));
  });
  urls.forEach((r, i) => {
    const where = at.child("nonResourceRules").index(i);
    errors.push(...validateNames(r.verbs, where.child("verbs"), "verbs"));
    errors.push(...validateNames(r.nonResourceURLs, where.child("nonResourceURLs"), "nonResourceURLs"));
  });
  return errors;
}

/** At least one, each once, and `*` only by itself. */
function validateNames(names: readonly string[] | undefined, at: Path, what: string): FieldError[] {
  const list = names ?? [];
  if (list.length === 0) return [required(at, `${what} must contain at least one value`)];
  const errors: FieldError[] = [];
  if (list.includes("*") && list.length > 1)
    errors.push(invalidValue(at, list, `if '*' is present, must not specify other ${what}`));
  list.forEach((name, i) => {
    if (list.indexOf(name) !== i) errors.push(duplicate(at.index(i), name));
  });
  return errors;
}

const kinds = { User: "user", Group: "group", ServiceAccount: "serviceAccount" } as const;

function validateSubject(subject: Subject, at: Path): FieldError[] {
  const expected = Object.hasOwn(kinds, subject.kind) ? kinds[subject.kind as keyof typeof kinds] : undefined;
  if (!expected) return [notSupported(at.child("kind"), subject.kind ?? "", Object.keys(kinds).toSorted())];
  const errors = Object.values(kinds)
    .filter((field) => field !== expected && subject[field])
    .map((field) =>
      forbiddenField(at.child(field), `${field} is forbidden when subject kind is not '${nameOf(field)}'`),
    );
  const part = subject[expected];
  if (!part)
    return [
      ...errors,
      required(at.child(expected), `${expected} is required when subject kind is '${subject.kind}'`),
    ];
  if (!part.name) errors.push(required(at.child(expected, "name")));
  else if (expected === "serviceAccount" && part.name !== "*")
    errors.push(...check(pathSegment, part.name, at.child(expected, "name")));
  if (expected === "serviceAccount" && !subject.serviceAccount?.namespace)
    errors.push(required(at.child(expected, "namespace"), "must specify namespace for service account"));
  return errors;
}

const nameOf = (field: string): string => Object.entries(kinds).find(([, f]) => f === field)?.[0] ?? field;
