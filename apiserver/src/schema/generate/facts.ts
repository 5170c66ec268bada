import type { FieldFact, Facts, TypeFact } from "../facts.ts";
import type { GoField, GoPackage } from "./go.ts";
import type { ProtoField, ProtoFile, ProtoMessage } from "./proto.ts";

export interface SourcePackage {
  readonly proto: ProtoFile;
  /** Absent for a package we describe ourselves. */
  readonly go: GoPackage | undefined;
}

/** `k8s.io.apiextensions_apiserver.pkg.x.Y` → `io.k8s.apiextensions-apiserver.pkg.x.Y`. */
export const openApiName = (message: string): string =>
  message.replace(/^k8s\.io\./, "io.k8s.").replaceAll("_", "-");

const marker = (comments: readonly string[], name: string): string | undefined => {
  for (const line of comments) {
    if (line === `+${name}`) return "";
    if (line.startsWith(`+${name}=`)) return line.slice(name.length + 2).trim();
  }
  return undefined;
};
const markers = (comments: readonly string[], name: string): string[] =>
  comments.filter((line) => line.startsWith(`+${name}=`)).map((line) => line.slice(name.length + 2).trim());

/** Joins what the packages say into the table of facts. */
export function buildFacts(packages: readonly SourcePackage[]): Facts {
  const byPackage = new Map(packages.map((p) => [p.proto.package, p]));
  const enums: Record<string, readonly string[]> = {};
  const types: Record<string, TypeFact> = {};
  for (const source of packages) {
    const prefix = openApiName(source.proto.package);
    for (const [name, values] of source.go?.enums ?? []) enums[`${prefix}.${name}`] = values;
    for (const message of source.proto.messages) {
      types[`${prefix}.${message.name}`] = typeFact(source, message, byPackage);
    }
  }
  const used = new Set(Object.values(types).flatMap((t) => t.fields.map((f) => f.e)));
  for (const name of Object.keys(enums)) if (!used.has(name)) delete enums[name];
  return { enums, types };
}

function typeFact(
  source: SourcePackage,
  message: ProtoMessage,
  all: ReadonlyMap<string, SourcePackage>,
): TypeFact {
  const struct = source.go?.structs.get(message.name);
  const items = message.fields.length === 1 ? message.fields[0] : undefined;
  if (source.go && !struct && items?.name === "items" && items.container === "list") {
    return { list: items.type, fields: [] };
  }
  const isKind = struct ? struct.isKind : message.fields.some((f) => /\.(ObjectMeta|ListMeta)$/.test(f.type));
  return {
    ...(isKind ? { gvk: groupVersionKind(source, message.name) } : {}),
    ...(marker(message.comments, "structType") === "atomic" ? { atomic: 1 } : {}),
    ...(marker(message.comments, "union") !== undefined ? { union: 1 } : {}),
    fields: message.fields.map((f) => fieldFact(source, f, struct?.fields.get(f.number), all)),
  };
}

const extraGroups: Record<string, string> = {
  apiregistration: "apiregistration.k8s.io",
  metrics: "metrics.k8s.io",
};

function groupVersionKind(source: SourcePackage, kind: string): readonly [string, string, string] {
  const segments = source.proto.package.split(".");
  const version = segments.at(-1)!;
  const short = segments.at(-2)!;
  // meta/v1's own kinds (Status, DeleteOptions) travel as "v1".
  if (short === "meta") return ["", version, kind];
  return [source.go?.groupName ?? extraGroups[short] ?? short, version, kind];
}

function fieldFact(
  source: SourcePackage,
  field: ProtoField,
  go: GoField | undefined,
  all: ReadonlyMap<string, SourcePackage>,
): FieldFact {
  const comments = [...field.comments, ...(go?.comments ?? [])];
  const optional = marker(field.comments, "optional") !== undefined;
  const required = marker(field.comments, "required") !== undefined;
  const omitempty = go ? go.omitempty : optional;
  const listType = marker(comments, "listType");
  const keys = [...new Set(markers(comments, "listMapKey"))];
  const mapType = marker(comments, "mapType") ?? marker(comments, "structType");
  const isEmbedded = go?.inline === true;
  const enumName = go && enumOf(source, go.named, all);
  const patchStrategy = marker(comments, "patchStrategy");
  const patchMergeKey = marker(comments, "patchMergeKey");
  const fallback = marker(comments, "default");
  return {
    n: isEmbedded ? "" : (go?.json ?? field.name),
    i: field.number,
    t: openApiName(field.type),
    ...(field.container ? { c: field.container } : {}),
    ...(!isEmbedded && (required || (!optional && !omitempty && !go?.omitzero)) ? { r: 1 as const } : {}),
    ...(go?.pointer ? { p: 1 as const } : {}),
    ...(omitempty ? { o: 1 as const } : {}),
    ...(go?.omitzero ? { z: 1 as const } : {}),
    ...(listType ? { list: listType as "atomic" } : {}),
    ...(keys.length > 0 ? { keys } : {}),
    ...(mapType ? { map: mapType as "atomic" } : {}),
    ...(patchStrategy ? { ps: patchStrategy } : {}),
    ...(patchMergeKey ? { pk: patchMergeKey } : {}),
    ...(fallback !== undefined ? { d: defaultValue(fallback, source) } : {}),
    ...(enumName ? { e: enumName } : {}),
    ...(marker(comments, "unionDiscriminator") !== undefined ? { u: "discriminator" as const } : {}),
  };
}

function defaultValue(text: string, source: SourcePackage): unknown {
  const reference = /^ref\((\w+)\)$/.exec(text);
  return reference ? source.go?.constants.get(reference[1]!) : (JSON.parse(text) as unknown);
}

/** `v1.PullPolicy` and the like are looked up in core and meta, the only packages others borrow enumerations from. */
function enumOf(
  source: SourcePackage,
  named: string,
  all: ReadonlyMap<string, SourcePackage>,
): string | undefined {
  const [qualifier, name] = named.includes(".") ? (named.split(".") as [string, string]) : ["", named];
  const where = qualifier
    ? /meta/.test(qualifier)
      ? "k8s.io.apimachinery.pkg.apis.meta.v1"
      : "k8s.io.api.core.v1"
    : source.proto.package;
  return all.get(where)?.go?.enums.has(name) ? openApiName(`${where}.${name}`) : undefined;
}
