import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import {
  forbiddenField,
  invalidValue,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { between, check, dnsLabel1035, dnsSubdomain, portNumber } from "../shared/names.ts";

const root = path("spec");

/** Of what this server serves itself. */
export const localCondition = {
  type: "Available",
  status: "True",
  reason: "Local",
  message: "Local APIServices are always available",
} as const;

export const apiServices = defineKind<APIService>({
  group: "apiregistration.k8s.io",
  kind: "APIService",
  categories: ["api-extensions"],
  namespaced: false,
  nameRule: "pathSegment",
  unconditionalUpdate: false,
  status: true,
  metadataOutsideStatus: ["labels", "annotations", "finalizers", "ownerReferences"],
  setDefaults: ({ spec }) => {
    if (!spec?.service) return;
    // The table of facts does not know that the reference may be absent: reading leaves an empty one.
    if (Object.keys(spec.service).length === 0) delete spec.service;
    else spec.service.port ??= 443;
  },
  prepareForCreate: (service, { now }) => {
    const lastTransitionTime = `${now().toISOString().slice(0, 19)}Z`;
    service.status = service.spec?.service ? {} : { conditions: [{ ...localCondition, lastTransitionTime }] };
  },
  validate,
  validateUpdate: validate,
  columns: [
    nameColumn,
    column("Service", ({ spec }) =>
      spec?.service ? `${spec.service.namespace}/${spec.service.name}` : "Local",
    ),
    column("Available", availability),
    ageColumn,
  ],
});

function availability({ status }: APIService): string {
  const condition = status?.conditions?.find((c) => c.type === "Available");
  if (!condition) return "Unknown";
  return condition.status === "True" ? "True" : `${condition.status} (${condition.reason ?? ""})`;
}

function validate({ metadata, spec }: APIService): FieldError[] {
  const { group = "", version = "", service, caBundle, insecureSkipTLSVerify } = spec ?? {};
  const errors: FieldError[] = [];
  const expected = `${version}.${group}`;
  if (metadata.name !== expected) {
    const why = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(expected)}`;
    errors.push(invalidValue(path("metadata", "name"), metadata.name, why));
  }
  if (group) errors.push(...check(dnsSubdomain, group, root.child("group")));
  else if (version !== "v1" || service)
    errors.push(
      required(root.child("group"), "only v1 may have an empty group and it better be legacy kube"),
    );
  if (!version) errors.push(required(root.child("version")));
  else errors.push(...check(dnsLabel1035, version, root.child("version")));
  errors.push(...inRange(spec?.groupPriorityMinimum ?? 0, 20_000, root.child("groupPriorityMinimum")));
  errors.push(...inRange(spec?.versionPriority ?? 0, 1000, root.child("versionPriority")));
  if (!service) {
    const why = "local APIServices may not have a caBundle";
    if (caBundle) errors.push(forbiddenField(root.child("caBundle"), why));
    if (insecureSkipTLSVerify)
      errors.push(
        invalidValue(
          root.child("insecureSkipTLSVerify"),
          true,
          "local APIServices may not have insecureSkipTLSVerify",
        ),
      );
    return errors;
  }
  const at = root.child("service");
  if (!service.namespace) errors.push(required(at.child("namespace")));
  if (!service.name) errors.push(required(at.child("name")));
  for (const problem of portNumber(service.port ?? 443))
    errors.push(invalidValue(at.child("port"), service.port, `port is not valid: ${problem}`));
  if (insecureSkipTLSVerify && caBundle) {
    const why = "may not be true if caBundle is present";
    errors.push(invalidValue(root.child("insecureSkipTLSVerify"), true, why));
  }
  return errors;
}

const inRange = (value: number, max: number, at: Path): FieldError[] =>
  value >= 1 && value <= max ? [] : [invalidValue(at, value, between(1, max))];
