import { badRequest } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { fieldsMatch, parseFieldSelector, type FieldRequirement } from "@coracle/shared/meta/fields.ts";
import { parseSelector } from "@coracle/shared/meta/labels.ts";
import { labelValue, qualifiedName } from "../kinds/shared/names.ts";
import type { CachedObject } from "../watch/cache.ts";
import type { Kind } from "./kind.ts";

/** What a list or watch is narrowed to. */
export interface Selection {
  /** Undefined when everything matches. */
  readonly matches: ((item: CachedObject) => boolean) | undefined;
  /** Set when only one name can match, so that nothing else need be looked at. */
  readonly name: string;
}

const labelRules = { key: qualifiedName, value: labelValue };

/** Reads `labelSelector` and `fieldSelector`. @throws ApiError 400 */
export function readSelection(kind: Kind, query: URLSearchParams, pathName: string): Selection {
  const labels = parseSelector(query.get("labelSelector") ?? undefined, labelRules);
  const fields = parseFieldSelector(query.get("fieldSelector") ?? undefined);
  for (const { field } of fields) checkField(kind, field);
  const name = pathName || selectedName(fields);
  const byFields = fields.filter((f) => !(f.field === "metadata.name" && !f.negated && f.value === name));
  if (labels.isEverything && byFields.length === 0) {
    return { name, matches: name ? (item) => item.key.name === name : undefined };
  }
  return {
    name,
    matches: (item) => {
      if (name && item.key.name !== name) return false;
      if (!labels.isEverything && !labels.matches(item.object.metadata.labels)) return false;
      return byFields.length === 0 || fieldsMatch(byFields, (field) => readField(kind, item, field));
    },
  };
}

const selectedName = (fields: readonly FieldRequirement[]): string =>
  fields.find((f) => f.field === "metadata.name" && !f.negated)?.value ?? "";

function checkField(kind: Kind, field: string): void {
  if (field === "metadata.name" || (field === "metadata.namespace" && kind.namespaced)) return;
  if (Object.hasOwn(kind.selectableFields, field)) return;
  if (Object.keys(kind.selectableFields).length > 0) throw badRequest(`field label not supported: ${field}`);
  throw badRequest(
    `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

function readField(kind: Kind, item: CachedObject, field: string): string {
  if (field === "metadata.name") return item.key.name;
  if (field === "metadata.namespace") return item.key.namespace;
  const read = kind.selectableFields[field] as ((object: KubeObject) => string) | undefined;
  return read?.(item.object) ?? "";
}
