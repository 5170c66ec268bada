import table from "./generated/facts.json" with { type: "json" };
import type { FieldFact, Facts, TypeFact } from "./facts.ts";
import type { AnyNode, Field, ListNode, Node, ObjectNode, ScalarNode, ScalarType } from "./node.ts";

/** The committed table. */
export const facts = table as unknown as Facts;

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const apiextensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

const scalars: Readonly<Record<string, ScalarType>> = {
  string: "string",
  bool: "boolean",
  int32: "int32",
  int64: "int64",
  uint32: "int64",
  uint64: "int64",
  double: "double",
  bytes: "bytes",
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intOrString",
  [`${meta}.Time`]: "time",
  [`${meta}.MicroTime`]: "microTime",
  [`${meta}.Duration`]: "duration",
};

const any = (name: string, objectOnly: boolean): AnyNode => ({ kind: "any", name, objectOnly });
const nodes = new Map<string, Node>([
  ...Object.entries(scalars).map(([name, type]): [string, Node] => [name, { kind: "scalar", type }]),
  ["io.k8s.apimachinery.pkg.runtime.RawExtension", any("io.k8s.apimachinery.pkg.runtime.RawExtension", true)],
  [`${meta}.FieldsV1`, any(`${meta}.FieldsV1`, true)],
  [`${apiextensions}.JSON`, any(`${apiextensions}.JSON`, false)],
]);
const atomicCopies = new Map<ObjectNode, ObjectNode>();

/** The type with this OpenAPI name. */
export function typeNode(name: string): Node | undefined {
  const known = nodes.get(name);
  if (known) return known;
  const fact = facts.types[name];
  if (!fact) return undefined;
  if (name.startsWith(`${apiextensions}.JSONSchemaPropsOr`)) return choice(name);
  if (fact.list) {
    const list: ListNode = { kind: "list", items: required(fact.list), listType: "atomic", keys: [], name };
    nodes.set(name, list);
    return list;
  }
  const fields = new Map<string, Field>();
  const node: ObjectNode = { kind: "object", name, fields, atomic: fact.atomic === 1 };
  // Entered before its fields are built, for types that contain themselves.
  nodes.set(name, node);
  if (fact.gvk) {
    for (const field of ["apiVersion", "kind"]) fields.set(field, typeMetaField(field));
  }
  addFields(fields, fact);
  return node;
}

function choice(name: string): Node {
  const object = required(`${apiextensions}.JSONSchemaProps`);
  const list = (items: Node): ListNode => ({ kind: "list", items, listType: "atomic", keys: [] });
  const node: Node = {
    kind: "choice",
    name,
    object,
    ...(name.endsWith("OrArray") ? { list: list(object) } : {}),
    ...(name.endsWith("OrStringArray") ? { list: list(required("string")) } : {}),
    ...(name.endsWith("OrBool") ? { boolean: true } : {}),
  };
  nodes.set(name, node);
  return node;
}

function required(name: string): Node {
  const node = typeNode(name);
  if (!node) throw new Error(`the table of facts names ${name} but does not have it`);
  return node;
}

const typeMetaField = (name: string): Field => ({
  name,
  node: required("string"),
  required: false,
  patchStrategy: [],
  go: { pointer: false, omitEmpty: true, omitZero: false },
});

function addFields(into: Map<string, Field>, fact: TypeFact): void {
  for (const f of fact.fields) {
    if (f.n !== "") {
      into.set(f.n, fieldOf(f));
      continue;
    }
    const inlined = facts.types[f.t];
    if (inlined) addFields(into, inlined);
  }
}

function fieldOf(f: FieldFact): Field {
  return {
    name: f.n,
    node: fieldNode(f),
    required: f.r === 1,
    ...(f.d !== undefined ? { default: f.d } : {}),
    patchStrategy: f.ps ? f.ps.split(",") : [],
    ...(f.pk ? { patchMergeKey: f.pk } : {}),
    go: { pointer: f.p === 1, omitEmpty: f.o === 1, omitZero: f.z === 1 },
    ...(f.map ? { mapType: f.map } : {}),
    ...(f.list ? { declaredListType: f.list } : {}),
    ...(f.u === "discriminator" ? { unionDiscriminator: true } : {}),
  };
}

function fieldNode(f: FieldFact): Node {
  const element = f.e ? enumNode(f.e) : required(f.t);
  if (f.c === "map") return { kind: "map", values: element, atomic: f.map === "atomic" };
  if (f.c === "list") {
    return { kind: "list", items: element, listType: f.list ?? "atomic", keys: f.keys ?? [] };
  }
  if (element.kind === "object" && f.map && element.atomic !== (f.map === "atomic")) {
    return withAtomic(element, f.map === "atomic");
  }
  return element;
}

function withAtomic(node: ObjectNode, atomic: boolean): ObjectNode {
  const known = atomicCopies.get(node);
  if (known) return known;
  const copy = { ...node, atomic };
  atomicCopies.set(node, copy);
  return copy;
}

const enumNodes = new Map<string, ScalarNode>();
function enumNode(name: string): ScalarNode {
  let node = enumNodes.get(name);
  if (!node) {
    node = { kind: "scalar", type: "string", enum: facts.enums[name] ?? [], enumName: name };
    enumNodes.set(name, node);
  }
  return node;
}

const byKind = new Map<string, string>();
for (const [name, fact] of Object.entries(facts.types)) {
  if (fact.gvk) byKind.set(fact.gvk.join("/"), name);
}
// Group core's own kinds come first where meta/v1 has one of the same name.
for (const [name, fact] of Object.entries(facts.types)) {
  if (fact.gvk && name.startsWith("io.k8s.api.core.v1.")) byKind.set(fact.gvk.join("/"), name);
}

/** Kinds of meta/v1 that travel under every group and version. */
const everywhere = new Set([
  "CreateOptions",
  "DeleteOptions",
  "GetOptions",
  "ListOptions",
  "PatchOptions",
  "UpdateOptions",
  "WatchEvent",
  "Status",
]);

/** The OpenAPI name of a built-in kind. */
export function definitionName(group: string, version: string, kind: string): string | undefined {
  const name = byKind.get(`${group}/${version}/${kind}`);
  if (name) return name;
  if (everywhere.has(kind) || group === "meta.k8s.io") return byKind.get(`/v1/${kind}`);
  return undefined;
}

/** The type graph of a built-in kind; undefined when there is no such kind. */
export function schemaFor(group: string, version: string, kind: string): ObjectNode | undefined {
  const name = definitionName(group, version, kind);
  const node = name === undefined ? undefined : typeNode(name);
  return node?.kind === "object" ? node : undefined;
}

/** `apps/v1` → `["apps", "v1"]`, `v1` → `["", "v1"]`. */
export function splitApiVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}
