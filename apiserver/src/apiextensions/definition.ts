/** A CustomResourceDefinition made into kinds: one for each version that is served. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { internalError } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { newestFirst } from "../discovery/groups.ts";
import { get, isObject, put, type JsonObject } from "../patch/json.ts";
import { invalidValue, path, type FieldError } from "../registry/field.ts";
import { defineKind, type Kind, type KindDeclaration } from "../registry/kind.ts";
import { customResourceNode, type StructuralSchema } from "../schema/custom-node.ts";
import { decodeObject } from "../schema/decode.ts";
import type { ObjectNode } from "../schema/node.ts";
import { columnsOf } from "./columns.ts";
import { parseJsonPath } from "./jsonpath.ts";
import { createLoader } from "./load.ts";
import { apiVersionOf, type Definition, type Holder, type VersionSchema } from "./holder.ts";
import { applyDefaults, dropNulls, hasDefaults } from "./schema/defaults.ts";
import { prune } from "./schema/prune.ts";
import { compileRules, runRules, type RuleRun } from "./schema/rules.ts";
import { validateSchema } from "./schema/validate.ts";

/** Compiles the schemas. @throws CelCompileError for rules that a server of another version has let pass */
export function compileDefinition(crd: CustomResourceDefinition, revision: number): Definition {
  const versions = new Map<string, VersionSchema>();
  for (const version of crd.spec.versions) {
    const schema = version.schema?.openAPIV3Schema ?? {
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
    };
    versions.set(version.name, {
      version,
      schema,
      rules: compileRules(schema),
      hasDefaults: hasDefaults(schema),
    });
  }
  return { crd, revision, versions };
}

/** The kind that a holder's definition makes, and the types of its versions. */
export function customKind(holder: Holder): { kind: Kind; nodes: Record<string, ObjectNode> } | undefined {
  const { crd, versions } = holder.current;
  const served = crd.spec.versions
    .filter((version) => version.served)
    .map((version) => version.name)
    .toSorted(newestFirst);
  const [preferred] = served;
  if (preferred === undefined) return undefined;
  const perVersion: Record<string, Kind> = {};
  const nodes: Record<string, ObjectNode> = {};
  for (const name of served) {
    const version = versions.get(name);
    if (!version) continue;
    perVersion[name] = versionKind(holder, version, served);
    nodes[name] = customResourceNode(version.schema as unknown as StructuralSchema);
  }
  const main = perVersion[preferred];
  return main && { kind: { ...main, perVersion }, nodes };
}

function versionKind(holder: Holder, compiled: VersionSchema, served: readonly string[]): Kind {
  const { crd } = holder.current;
  const { version, schema } = compiled;
  const names = { ...crd.spec.names, ...crd.status?.acceptedNames };
  const scale = version.subresources?.scale;
  const status = version.subresources?.status !== undefined;
  const kind = defineKind<KubeObject>({
    group: crd.spec.group,
    versions: served,
    storageVersion: crd.spec.versions.find((v) => v.storage)?.name ?? version.name,
    kind: names.kind,
    plural: names.plural,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: crd.spec.scope === "Namespaced",
    status,
    metadataOutsideStatus: ["labels", "annotations", "finalizers", "ownerReferences"],
    generation: true,
    unconditionalUpdate: false,
    setDefaults: (object) => {
      dropNulls(schema, object);
      if (compiled.hasDefaults) applyDefaults(schema, object);
    },
    prepareForCreate: (object) => {
      if (status) delete object["status"];
    },
    validate: (object, { warn }) => judge(compiled, object, { warn }),
    validateUpdate: (object, old, { warn }) => judge(compiled, object, { old, warn }),
    validateStatusUpdate: (object, old, { warn }) => judge(compiled, object, { old, warn }),
    selectableFields: selectableFields(version),
    columns: columnsOf(version.additionalPrinterColumns),
    ...(scale ? { scale: scaleOf(scale) } : {}),
  });
  return {
    ...kind,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    custom: {
      schema: schema as unknown as JsonObject,
      decode: (value) => decode(compiled, value),
      ...createLoader(holder, version.name),
      closed: () =>
        holder.current.crd.metadata.deletionTimestamp
          ? "create not allowed while custom resource definition is terminating"
          : undefined,
      deprecation: version.deprecated ? deprecation(crd, version) : undefined,
      retired: retiredSignal(holder, version.name),
    },
  };
}

const deprecation = (crd: CustomResourceDefinition, version: CustomResourceDefinitionVersion): string =>
  version.deprecationWarning ?? `${apiVersionOf(crd, version.name)} ${crd.spec.names.kind} is deprecated`;

function retiredSignal({ retire }: Holder, version: string): AbortSignal {
  let controller = retire.get(version);
  if (!controller || controller.signal.aborted) {
    controller = new AbortController();
    retire.set(version, controller);
  }
  return controller.signal;
}

/** apiVersion, kind and metadata have types in every object; the rest is its own. */
const openNode = customResourceNode(undefined);

function decode({ schema }: VersionSchema, value: unknown): ReturnType<typeof decodeObject> {
  const decoded = decodeObject(openNode, value);
  if (decoded.error !== undefined) return decoded;
  const pruned = prune(schema, decoded.object, true).toSorted();
  return { ...decoded, unknown: [...decoded.unknown, ...pruned.map(unknownField)] };
}

const unknownField = (field: string): string => `unknown field "${field}"`;

/** After these there is no sense in running rules. */
const blocking = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);
const notAllChecked = invalidValue(
  path("<nil>"),
  null,
  "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
);

function judge(compiled: VersionSchema, object: KubeObject, { old, warn }: RuleRun): FieldError[] {
  const { schema, rules, version } = compiled;
  const errors = [...validateSchema(schema, object, old), ...judgeScale(version, object)];
  if (!rules) return errors;
  if (errors.some((error) => blocking.has(error.reason ?? ""))) return [...errors, notAllChecked];
  return [...errors, ...runRules(rules, object, { old, warn })];
}

function judgeScale({ subresources }: CustomResourceDefinitionVersion, object: KubeObject): FieldError[] {
  const scale = subresources?.scale;
  if (!scale) return [];
  return [scale.specReplicasPath, scale.statusReplicasPath].flatMap((text: string) => {
    const [value] = parseJsonPath(text).find(object);
    return typeof value === "number" && value < 0
      ? [invalidValue(path(text.slice(1)), value, "should be a non-negative integer")]
      : [];
  });
}

function scaleOf(scale: CustomResourceSubresourceScale): Required<KindDeclaration<KubeObject>>["scale"] {
  const spec = parseJsonPath(scale.specReplicasPath);
  const status = parseJsonPath(scale.statusReplicasPath);
  const selector = scale.labelSelectorPath ? parseJsonPath(scale.labelSelectorPath) : undefined;
  return {
    specReplicas: (object) => {
      const [replicas] = spec.find(object);
      if (typeof replicas === "number") return replicas;
      throw internalError(`the spec replicas field ${JSON.stringify(scale.specReplicasPath)} does not exist`);
    },
    setReplicas: (object, replicas) => setAt(object, spec.fields ?? [], replicas),
    statusReplicas: (object) => {
      const [replicas] = status.find(object);
      return typeof replicas === "number" ? replicas : 0;
    },
    selector: (object) => {
      const [text] = selector?.find(object) ?? [];
      return typeof text === "string" ? text : "";
    },
  };
}

function setAt(object: JsonObject, fields: readonly string[], value: unknown): void {
  let at = object;
  fields.forEach((field, i) => {
    if (i === fields.length - 1) {
      put(at, field, value);
      return;
    }
    const next = get(at, field);
    const child: JsonObject = isObject(next) ? next : {};
    if (child !== next) put(at, field, child);
    at = child;
  });
}

/** Field selectors, each with the text of its field. */
function selectableFields(
  version: CustomResourceDefinitionVersion,
): Record<string, (object: KubeObject) => string> {
  return Object.fromEntries(
    (version.selectableFields ?? []).map(({ jsonPath }) => {
      const read = parseJsonPath(jsonPath);
      return [
        jsonPath.slice(1),
        (object: KubeObject): string => {
          const [value] = read.find(object);
          return textOf(value);
        },
      ];
    }),
  );
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
