import { badRequest } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ApiRequest } from "../request.ts";
import {
  cannotBeHandled,
  decodeAs,
  parseBody,
  strictProblems,
  type Decoded,
  type DecodeTarget,
  type FieldValidation,
  type ParsedBody,
} from "../schema/body.ts";
import type { CustomKind } from "./custom.ts";
import type { Kind } from "./kind.ts";
import type { ResourceTable, ServedResource } from "./resources.ts";

interface BodyReader {
  readonly resources: ResourceTable;
  readonly warn: (message: string) => void;
  /** A further apiVersion that means the served one. */
  readonly alias?: string | undefined;
}

/**
 * The object in a request's body, as one of the served resource: checked, pruned, in the served version.
 * @throws ApiError 400, 415
 */
export function readBody(
  request: ApiRequest,
  served: ServedResource,
  validation: FieldValidation,
  reader: BodyReader,
): KubeObject {
  const parsed = parseBody(request.body, request.headers["content-type"], validation !== "Ignore");
  return decodeBody(parsed, served, validation, reader);
}

/** The same for a body that is parsed already (a patched object). */
export function decodeBody(
  parsed: ParsedBody,
  served: ServedResource,
  validation: FieldValidation,
  reader: BodyReader,
): KubeObject {
  checkType(parsed.value, served, reader);
  const target = { node: served.node, apiVersion: served.apiVersion, kind: served.kind.kind };
  const { object, warnings } = served.kind.custom
    ? decodeCustom(served.kind.custom, target, { parsed, validation })
    : decodeAs(target, parsed, validation);
  for (const warning of warnings) reader.warn(warning);
  const { kind: _kind, apiVersion: _version, metadata, ...rest } = object;
  return {
    kind: served.kind.kind,
    apiVersion: served.apiVersion,
    metadata: metadata ?? {},
    ...rest,
  };
}

interface Decoding {
  readonly parsed: ParsedBody;
  readonly validation: FieldValidation;
}

/** Values of wrong types are validation's to refuse; only metadata has types of its own here. */
function decodeCustom(custom: CustomKind, target: DecodeTarget, { parsed, validation }: Decoding): Decoded {
  const { object, unknown, error } = custom.decode(parsed.value);
  if (error !== undefined) throw cannotBeHandled(target, error);
  return { object, warnings: strictProblems(target, [...parsed.duplicates, ...unknown], validation) };
}

/** A body may leave out its kind and apiVersion, but it may not be something else. */
export function checkType(value: unknown, served: ServedResource, { resources, alias }: BodyReader): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${typeName(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  }
  const { kind, apiVersion } = value as { kind?: unknown; apiVersion?: unknown };
  for (const [name, given] of [
    ["kind", kind],
    ["apiVersion", apiVersion],
  ] as const) {
    if (given !== undefined && given !== null && typeof given !== "string") {
      throw badRequest(
        `couldn't get version/kind; json parse error: json: cannot unmarshal ${typeName(given)} into Go struct field .${name} of type string`,
      );
    }
  }
  const version =
    (apiVersion === alias ? undefined : (apiVersion as string | undefined)) || served.apiVersion;
  const name = (kind as string | undefined) || served.kind.kind;
  if (version === served.apiVersion && name === served.kind.kind) return;
  const target = { node: served.node, apiVersion: served.apiVersion, kind: served.kind.kind };
  const slash = version.indexOf("/");
  const [group, bare] = slash < 0 ? ["", version] : [version.slice(0, slash), version.slice(slash + 1)];
  if (!resources.findKind(group, bare, name)) {
    const quoted = JSON.stringify(name);
    const why = `no kind ${quoted} is registered for version ${JSON.stringify(version)} in scheme`;
    throw badRequest(
      `${name} in version ${JSON.stringify(bare)} cannot be handled as a ${target.kind}: ${why}`,
    );
  }
  if (version !== served.apiVersion) {
    throw badRequest(
      `the API version in the data (${version}) does not match the expected API version (${served.apiVersion})`,
    );
  }
  const internal = `${served.kind.group.split(".")[0] || "core"}.${target.kind}`;
  throw badRequest(
    `${name} in version ${JSON.stringify(bare)} cannot be handled as a ${target.kind}: converting (${bare}.${name}) to (${internal}): unknown conversion`,
  );
}

const typeName = (value: unknown): string =>
  Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;

/** To the version that strategies see and the store keeps. */
export function toStorage(served: ServedResource, object: KubeObject): KubeObject {
  const { kind, version } = served;
  if (served.isStorageVersion || !kind.convert) return object;
  return stampStorage(kind, kind.convert.toStorage(object, version));
}

function stampStorage(kind: Kind, object: KubeObject): KubeObject {
  // Where another group owns the storage, the conversion itself names that group's version.
  if (!kind.storageVersion.includes("/")) {
    object.apiVersion = kind.group ? `${kind.group}/${kind.storageVersion}` : kind.storageVersion;
  }
  return object;
}

/** From the stored version to the served one; copies, since stored objects are shared. */
export function fromStorage(served: ServedResource, object: KubeObject): KubeObject {
  if (served.isStorageVersion || !served.kind.convert) return object;
  const converted = served.kind.convert.fromStorage(structuredClone(object), served.version);
  converted.apiVersion = served.apiVersion;
  converted.kind = served.kind.kind;
  return converted;
}
