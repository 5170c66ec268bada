/** Drops what a schema does not know. */
import { isObject, type JsonObject } from "../../patch/json.ts";
import { decodeObject } from "../../schema/decode.ts";
import { typeNode } from "../../schema/registry.ts";
import { isEmbedded, itemsOf, preserves, resourceKeys, valuesOf, type Schema } from "./structural.ts";

/**
 * Removes unknown fields in place. @returns their paths (`spec.foo`, `spec.items[0].bar`), in document order
 */
export function prune(schema: Schema, value: unknown, isResource: boolean): string[] {
  const removed: string[] = [];
  pruneValue(schema, value, { path: "", isResource, removed, preserve: false });
  return removed;
}

interface Walk {
  readonly path: string;
  readonly isResource: boolean;
  readonly removed: string[];
  /** An outer schema keeps unknown fields. */
  readonly preserve: boolean;
}

function pruneValue(schema: Schema | undefined, value: unknown, walk: Walk): void {
  if (Array.isArray(value)) {
    const items = schema && itemsOf(schema);
    if (!items) return;
    value.forEach((item, i) =>
      pruneValue(items, item, { ...walk, path: `${walk.path}[${i}]`, isResource: false }),
    );
    return;
  }
  if (isObject(value)) pruneObject(schema ?? {}, value, walk);
}

function pruneObject(schema: Schema, object: JsonObject, walk: Walk): void {
  const resource = walk.isResource || isEmbedded(schema);
  const preserve = walk.preserve || preserves(schema);
  const values = valuesOf(schema);
  for (const key of Object.keys(object)) {
    const path = walk.path ? `${walk.path}.${key}` : key;
    if (resource && resourceKeys.has(key)) {
      if (key === "metadata" && !walk.isResource) pruneMetadata(object[key], { ...walk, path });
      continue;
    }
    const declared =
      schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    const next = declared ?? values;
    if (next) {
      // What is declared again below something open is pruned as declared.
      pruneValue(next, object[key], { ...walk, path, isResource: false, preserve: false });
    } else if (!preserve && schema.additionalProperties !== true) {
      walk.removed.push(path);
      delete object[key];
    }
  }
}

const objectMeta = typeNode("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");

/** Metadata of a resource inside of another has the fields of any; wrong types are left for validation. */
function pruneMetadata(metadata: unknown, { path, removed }: Walk): void {
  if (!isObject(metadata) || objectMeta?.kind !== "object") return;
  for (const problem of decodeObject(objectMeta, metadata).unknown) {
    const [, field = ""] = /^unknown field "(.*)"$/s.exec(problem) ?? [];
    removed.push(`${path}.${field}`);
  }
}
