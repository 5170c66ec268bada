/** Objects in the version that a webhook or policy asks for, and back. */
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { clone } from "../../patch/json.ts";
import type { Kind } from "../../registry/kind.ts";
import type { ResourceTable } from "../../registry/resources.ts";
import { decodeObject } from "../../schema/decode.ts";
import type { ObjectNode } from "../../schema/node.ts";
import { schemaFor } from "../../schema/registry.ts";
import type { Attributes } from "../plugin.ts";

const apiVersionOf = (kind: Kind, version: string): string =>
  kind.group ? `${kind.group}/${version}` : version;

/** The object, in another version of its kind; never the object itself. */
export async function inVersion(
  resources: ResourceTable,
  kind: Kind,
  object: KubeObject,
  version: string,
): Promise<KubeObject> {
  const target = apiVersionOf(kind, version);
  const copy = clone(object);
  if (object.apiVersion === target) return copy;
  if (kind.custom) {
    const custom = resources.find(kind.group, version, kind.plural)?.kind.custom ?? kind.custom;
    const { name = "", namespace = "" } = object.metadata;
    const key = { resource: kind.storage, namespace, name };
    const item = { key, revision: 0, object: copy, json: () => Buffer.from(JSON.stringify(copy)) };
    const [loaded] = await custom.load([item]);
    return loaded?.object === undefined ? copy : clone(loaded.object);
  }
  if (!kind.convert) return { ...copy, apiVersion: target };
  const own = versionIn(object.apiVersion);
  const stored = own === kind.storageVersion ? copy : kind.convert.toStorage(copy, own);
  const converted = version === kind.storageVersion ? stored : kind.convert.fromStorage(stored, version);
  return { ...converted, apiVersion: target, kind: kind.kind };
}

const versionIn = (apiVersion: string | undefined): string => apiVersion?.split("/").at(-1) ?? "";

/** An object of a write, in another version of its resource; what only travels in bodies has the one. */
export const shownIn = (
  resources: ResourceTable,
  { kind, body }: Pick<Attributes, "kind" | "body">,
  object: KubeObject,
  version: string,
): Promise<KubeObject> =>
  body ? Promise.resolve(clone(object)) : inVersion(resources, kind, object, version);

/** The type of what a write shows in a version. */
export const shownNode = (
  resources: ResourceTable,
  { kind, body }: Pick<Attributes, "kind" | "body">,
  version: string,
): ObjectNode | undefined =>
  body
    ? schemaFor(body.group, body.version, body.kind)
    : resources.find(kind.group, version, kind.plural)?.node;

/**
 * What somebody else made of an object, checked as a body of its kind is.
 * @throws Error with what is wrong with it
 */
export function checked(
  resources: ResourceTable,
  { kind, body }: Pick<Attributes, "kind" | "body">,
  object: KubeObject,
): KubeObject {
  const { apiVersion } = object;
  const type = body ?? kind;
  const version = versionIn(apiVersion);
  const node = schemaFor(type.group, version, type.kind);
  // By the schema of the version that it is in, which need not be the request's.
  const its = resources.find(kind.group, version, kind.plural)?.kind ?? kind;
  const custom = body ? undefined : its.custom;
  const decoded = custom ? custom.decode(object) : node ? decodeObject(node, object) : undefined;
  if (!decoded) return object;
  if (decoded.error !== undefined) throw new Error(decoded.error);
  return { ...(decoded.object as KubeObject), apiVersion, kind: type.kind };
}
