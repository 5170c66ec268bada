/** Server-side apply: the configuration is laid over the live object, what it no longer names goes, and conflicts are told. */
import { ApiError, badRequest } from "@coracle/shared/errors.ts";
import type { StatusCause } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { splitApiVersion } from "../schema/registry.ts";
import type { ObjectNode } from "../schema/node.ts";
import { checkApplied, problemText } from "./check-applied.ts";
import { compareObjects } from "./compare.ts";
import { equalSets, isEmptySet, printPaths, without } from "./field-set.ts";
import { clone, equal, isObject, tooDeep } from "./json.ts";
import { capManagers, identityOf, managedOnly, readManagers, writeManagers } from "./managed-fields.ts";
import type { Manager, Managers } from "./managed-fields.ts";
import { mergeTyped } from "./merge-typed.ts";
import { conflictsWith, dispossess } from "./ownership.ts";
import type { Conflict } from "./ownership.ts";
import { pathsIn } from "./owned.ts";
import { prune } from "./prune.ts";
import { entryTime, withoutManagedFields, zeroObject } from "./track.ts";
import type { FieldWriter } from "./track.ts";
import { comparer, oneVersion } from "./versions.ts";

export interface Applied {
  /** The merged object with its managedFields; shares nothing with the inputs. Not yet decoded, defaulted or validated. */
  readonly object: KubeObject;
  /** False when the configuration changes neither the object nor who owns what. */
  readonly isChanged: boolean;
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
/** Owns what an object without records had before its first apply. */
const beforeFirstApply = "before-first-apply";

/**
 * Applies `config` to `live` (undefined: the object does not exist yet), both in the version that is applied.
 * @throws ApiError 400 for a configuration that does not fit the schema, 409 for conflicts unless `force`
 */
export function applyConfiguration(
  node: ObjectNode,
  live: KubeObject | undefined,
  config: unknown,
  writer: FieldWriter & { readonly force: boolean },
): Applied {
  const checked = checkConfiguration(node, config, writer.apiVersion);
  const before = withoutManagedFields(live ?? zeroObject(node));
  const managers = liveManagers(node, live, writer);
  const self: Omit<Manager, "set"> = {
    name: writer.manager,
    operation: "Apply",
    apiVersion: writer.apiVersion,
    subresource: writer.subresource,
    time: entryTime(writer.now),
  };
  const id = identityOf(self);
  const last = managers.get(id);
  const set = managedOnly(without(pathsIn(node, checked), writer.resetFields));
  const applying: Managers = new Map(managers).set(id, { ...self, set });

  const versions = writer.versions ?? oneVersion(node);
  const merged = mergeTyped(node, before, checked) as KubeObject;
  const object = prune({ versions, apiVersion: writer.apiVersion, managers: applying }, merged, last);
  const comparedIn = comparer({
    versions,
    before,
    after: object,
    zero: zeroObject,
    resetFields: writer.resetFields,
  });
  const conflicts = writer.force ? [] : conflictsWith(applying, id, comparedIn);
  if (conflicts.length > 0) throw conflictError(conflicts);

  const next = dispossess(applying, id, comparedIn);
  const isSame =
    live !== undefined &&
    last !== undefined &&
    equalSets(last.set, set) &&
    equal(withoutManagedFields(object), before);
  if (isSame && last) next.set(id, { ...last, apiVersion: writer.apiVersion });
  const entries = writeManagers(capManagers(next));
  if (entries.length > 0) object.metadata.managedFields = clone(entries);
  else delete object.metadata.managedFields;
  updateLastApplied(live, object, checked, writer.manager);
  return { object, isChanged: !(isSame && last?.apiVersion === writer.apiVersion) };
}

/** A configuration that fits its type, as far as can be told without the live object. @throws ApiError 400 */
export function checkConfiguration(node: ObjectNode, config: unknown, apiVersion: string): KubeObject {
  if (!isObject(config)) throw badRequest("error decoding YAML: expected an object");
  if (tooDeep(config)) throw badRequest("error decoding YAML: exceeded max depth");
  if (config["apiVersion"] !== apiVersion) {
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${text(config["apiVersion"])}, expected: ${apiVersion}`,
    );
  }
  const metadata = isObject(config["metadata"]) ? config["metadata"] : {};
  if (metadata["managedFields"] !== undefined && metadata["managedFields"] !== null) {
    throw badRequest("metadata.managedFields must be nil");
  }
  const problems = checkApplied(node, config);
  if (problems.length > 0) {
    throw badRequest(
      `failed to create typed patch object (${describe(config, metadata)}): ${problemText(problems)}`,
    );
  }
  return { ...config, metadata };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function describe(config: Record<string, unknown>, metadata: Record<string, unknown>): string {
  const [group, version] = splitApiVersion(text(config["apiVersion"]));
  const kind = `${group ? `${group}/` : "/"}${version}, Kind=${text(config["kind"])}`;
  return `${text(metadata["namespace"])}/${text(metadata["name"])}; ${kind}`;
}

function liveManagers(node: ObjectNode, live: KubeObject | undefined, writer: FieldWriter): Managers {
  const managers = readManagers(live?.metadata.managedFields) ?? new Map<string, Manager>();
  if (live === undefined || managers.size > 0) return managers;
  const { changed } = compareObjects(
    node,
    withoutManagedFields(zeroObject(node)),
    withoutManagedFields(live),
  );
  const set = managedOnly(without(changed, writer.resetFields));
  const first: Manager = {
    name: beforeFirstApply,
    operation: "Update",
    apiVersion: writer.apiVersion,
    subresource: "",
    time: entryTime(writer.now),
    set,
  };
  return isEmptySet(set) ? managers : managers.set(identityOf(first), first);
}

function conflictError(conflicts: readonly Conflict[]): ApiError {
  const sorted = conflicts.toSorted((a, b) => (printManager(a.manager) < printManager(b.manager) ? -1 : 1));
  const all = sorted.flatMap(({ manager, paths }) =>
    printPaths(paths).map((path) => ({ manager: printManager(manager), path })),
  );
  const causes: StatusCause[] = all.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${manager}`,
    field: path,
  }));
  const [first] = all;
  if (all.length === 1 && first) {
    return conflictStatus(
      causes,
      `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.path}`,
    );
  }
  const byManager = Map.groupBy(all, (c) => c.manager);
  const lines = [...byManager].flatMap(([manager, list]) => [
    `conflicts with ${manager}:`,
    ...list.map((c) => `- ${c.path}`),
  ]);
  return conflictStatus(causes, `Apply failed with ${all.length} conflicts: ${lines.join("\n")}`);
}

const conflictStatus = (causes: StatusCause[], message: string): ApiError =>
  new ApiError(409, "Conflict", message, { causes });

function printManager(manager: Manager): string {
  const subresource = manager.subresource ? ` with subresource ${JSON.stringify(manager.subresource)}` : "";
  const version = manager.operation === "Update" ? ` using ${manager.apiVersion}` : "";
  return `${JSON.stringify(manager.name)}${subresource}${version}`;
}

/** kubectl moving an object from client-side to server-side apply: the annotation it left keeps up. */
function updateLastApplied(
  live: KubeObject | undefined,
  object: KubeObject,
  config: KubeObject,
  manager: string,
): void {
  const annotations = object.metadata.annotations;
  if (manager !== "kubectl" || live?.metadata.annotations?.[lastApplied] === undefined || !annotations)
    return;
  const { managedFields: _, ...metadata } = config.metadata;
  const { [lastApplied]: __, ...others } = metadata.annotations ?? {};
  annotations[lastApplied] =
    `${JSON.stringify({ ...config, metadata: { ...metadata, annotations: others } })}\n`;
}
