/** Definitions of custom resources: their own schema, with what every object has around it. */
import type { Descriptions, Dialect, Json } from "./definitions.ts";
import { listMetadata, objectMetadata } from "./common-descriptions.ts";
import { prefixOf } from "./definitions.ts";
import type { GroupVersionKind, ServedKind } from "./served.ts";

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

/** `stable.example.com/v1 CronTab` → `com.example.stable.v1.CronTab`. */
export const customName = ({ group, version, kind }: GroupVersionKind): string =>
  [...group.split(".").toReversed(), version, kind].join(".");

/** The definitions of a custom kind and its list. */
export function customDefinitions(
  served: ServedKind,
  dialect: Dialect,
  descriptions: Descriptions,
): Record<string, Json> {
  const reference = (name: string): Json => ({ $ref: `${prefixOf(dialect)}${name}` });
  // In v3 a reference with anything beside it must be wrapped.
  const described = (description: string, name: string): Json =>
    dialect === "v3" ? { description, allOf: [reference(name)] } : { description, ...reference(name) };
  const { group, version, kind } = served;
  const name = customName(served);
  const schema = dialect === "v2" ? forV2(served.schema ?? {}) : (served.schema ?? {});
  const typeMeta = {
    apiVersion: typeField("apiVersion", descriptions),
    kind: typeField("kind", descriptions),
  };
  return {
    [name]: {
      ...schema,
      type: "object",
      properties: {
        ...(schema["properties"] as Json | undefined),
        ...typeMeta,
        metadata: described(objectMetadata, `${meta}.ObjectMeta`),
      },
      "x-kubernetes-group-version-kind": [{ group, version, kind }],
    },
    [`${name}List`]: {
      type: "object",
      required: ["items"],
      properties: {
        ...typeMeta,
        metadata: described(listMetadata, `${meta}.ListMeta`),
        items: { type: "array", items: reference(name) },
      },
      "x-kubernetes-group-version-kind": [{ group, version, kind: `${kind}List` }],
    },
  };
}

/** A field that every object has. */
function typeField(name: string, descriptions: Descriptions): Json {
  const description = descriptions[`${meta}.TypeMeta`]?.[name];
  return { ...(description ? { description } : {}), type: "string" };
}

const notInV2 = new Set([
  "oneOf",
  "anyOf",
  "allOf",
  "not",
  "nullable",
  "default",
  "x-kubernetes-validations",
]);

/** v2 cannot say everything v3 can; what it cannot is left open rather than said wrongly. */
function forV2(schema: Json): Json {
  if (schema["nullable"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true) {
    const { description } = schema;
    return { ...(description ? { description } : {}), "x-kubernetes-preserve-unknown-fields": true };
  }
  const out: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    if (notInV2.has(key)) continue;
    if (key === "properties") {
      out[key] = Object.fromEntries(
        Object.entries(value as Record<string, Json>).map(([k, v]) => [k, forV2(v)]),
      );
    } else if (
      (key === "items" || key === "additionalProperties") &&
      typeof value === "object" &&
      value !== null
    ) {
      out[key] = forV2(value as Json);
    } else out[key] = value;
  }
  return out;
}
