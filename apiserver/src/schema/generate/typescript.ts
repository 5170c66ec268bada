import type { Facts, FieldFact, TypeFact } from "../facts.ts";

const primitives: Record<string, string> = {
  string: "string",
  bytes: "string",
  bool: "boolean",
  int32: "number",
  int64: "number",
  uint32: "number",
  uint64: "number",
  double: "number",
  float: "number",
};

/** Types whose JSON is not their fields. They are exported by meta-v1. */
const special: Record<string, string> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "string",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "number | string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Duration": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "{ [field: string]: unknown }",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "{ [field: string]: unknown }",
};
const unions: Record<string, string> = {
  JSON: "unknown",
  JSONSchemaPropsOrArray: "JSONSchemaProps | JSONSchemaProps[]",
  JSONSchemaPropsOrBool: "JSONSchemaProps | boolean",
  JSONSchemaPropsOrStringArray: "JSONSchemaProps | string[]",
};

const shortName = (type: string): string => type.slice(type.lastIndexOf(".") + 1);
const home = (type: string): string =>
  special[type] ? "io.k8s.apimachinery.pkg.apis.meta.v1" : type.slice(0, type.lastIndexOf("."));

/** `io.k8s.api.core.v1` → `core-v1`. */
export const moduleName = (prefix: string): string => prefix.split(".").slice(-2).join("-");

/** The TypeScript of one package's types. */
export function typescriptOf(prefix: string, facts: Facts): string {
  const imports = new Map<string, Set<string>>();
  const reference = (type: string): string => {
    const primitive = primitives[type];
    if (primitive) return primitive;
    const from = home(type);
    if (from !== prefix) imports.set(from, (imports.get(from) ?? new Set()).add(shortName(type)));
    return shortName(type);
  };
  const body: string[] = [];
  if (prefix === "io.k8s.apimachinery.pkg.apis.meta.v1") {
    for (const [type, text] of Object.entries(special))
      body.push(`export type ${shortName(type)} = ${text};\n`);
  }
  for (const [type, fact] of Object.entries(facts.types)) {
    if (home(type) !== prefix || special[type]) continue;
    const name = shortName(type);
    if (unions[name]) body.push(`export type ${name} = ${unions[name]};\n`);
    else if (fact.list) body.push(`export type ${name} = ${reference(fact.list)}[];\n`);
    else body.push(interfaceOf(name, fact, facts, reference));
  }
  const header = [...imports]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([from, names]) =>
        `import type { ${[...names].toSorted().join(", ")} } from "./${moduleName(from)}.ts";\n`,
    );
  return `// Written by apiserver/src/schema/generate. Do not edit.\n${header.join("")}\n${body.join("\n")}`;
}

function interfaceOf(
  name: string,
  fact: TypeFact,
  facts: Facts,
  reference: (type: string) => string,
): string {
  const lines = fact.gvk ? ["  apiVersion?: string | undefined;", "  kind?: string | undefined;"] : [];
  for (const field of flatten(fact, facts)) {
    if (fact.gvk && (field.n === "apiVersion" || field.n === "kind")) continue;
    const element = reference(field.t);
    const type =
      field.c === "list" ? `${element}[]` : field.c === "map" ? `Record<string, ${element}>` : element;
    const isRequired = field.r === 1 || (fact.gvk && field.n === "metadata");
    const key = /^[A-Za-z_$][\w$]*$/.test(field.n) ? field.n : JSON.stringify(field.n);
    lines.push(isRequired ? `  ${key}: ${type};` : `  ${key}?: ${type} | undefined;`);
  }
  // A type alias, not an interface: only aliases are assignable to types with an index signature such as KubeObject.
  return `export type ${name} = {\n${lines.join("\n")}${lines.length > 0 ? "\n" : ""}};\n`;
}

/** A type's fields as JSON shows them: those of inlined messages stand in their place. */
export function flatten(fact: TypeFact, facts: Facts): FieldFact[] {
  return fact.fields.flatMap((f) => (f.n === "" ? flatten(facts.types[f.t]!, facts) : [f]));
}
