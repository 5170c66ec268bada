/**
 * Compares our definitions with upstream's published OpenAPI v2 and prints every difference; exits 1 when there is
 * one in their structure. How many descriptions are equal depends on where the sentences came from.
 * usage: node apiserver/src/schema/openapi/compare.ts <swagger.json[.gz]>
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { facts } from "../registry.ts";
import { definition } from "./definitions.ts";
import type { Descriptions, Json } from "./definitions.ts";
import { loadDescriptions } from "./descriptions.ts";

const text = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) =>
    v !== null && typeof v === "object" && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );

/** Descriptions are upstream's prose; the list of kinds a definition stands for depends on the groups served. */
function withoutProse(value: Json): Json {
  const copy = structuredClone(value);
  const strip = (schema: Json): void => {
    delete schema["description"];
    for (const key of ["items", "additionalProperties"])
      if (typeof schema[key] === "object") strip(schema[key] as Json);
  };
  strip(copy);
  delete copy["x-kubernetes-group-version-kind"];
  for (const property of Object.values((copy["properties"] ?? {}) as Record<string, Json>)) strip(property);
  if (Array.isArray(copy["required"])) copy["required"] = (copy["required"] as string[]).toSorted();
  return copy;
}

/** One line for each difference between our definition and theirs. */
export function differences(name: string, theirs: Json): string[] {
  const ours = withoutProse(definition(name, { dialect: "v2", descriptions: {}, withoutEnums: true }));
  const expected = withoutProse(theirs);
  const lines: string[] = [];
  const compare = (what: string, a: unknown, b: unknown): void => {
    if (text(a) !== text(b)) lines.push(`${name}${what}: ours ${text(a)}, theirs ${text(b)}`);
  };
  const ourProperties = (ours["properties"] ?? {}) as Json;
  const theirProperties = (expected["properties"] ?? {}) as Json;
  for (const key of new Set([...Object.keys(ourProperties), ...Object.keys(theirProperties)])) {
    compare(`.${key}`, ourProperties[key], theirProperties[key]);
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(expected)])) {
    if (key !== "properties") compare(` ${key}`, ours[key], expected[key]);
  }
  return lines;
}

/** How many descriptions there are of a definition and its fields, and which are not upstream's. */
export function comparedProse(
  name: string,
  theirs: Json,
  descriptions: Descriptions,
): { total: number; different: string[] } {
  const texts = (schema: Json): Map<string, unknown> =>
    new Map([
      ["", schema["description"]],
      ...Object.entries((schema["properties"] ?? {}) as Record<string, Json>).map(
        ([field, property]) => [`.${field}`, property["description"]] as const,
      ),
    ]);
  const ours = texts(definition(name, { dialect: "v2", descriptions, withoutEnums: true }));
  const expected = [...texts(theirs)];
  const different = expected.filter(([key, value]) => ours.get(key) !== value).map(([key]) => name + key);
  return { total: expected.length, different };
}

if (import.meta.main) {
  const path = process.argv[2];
  if (!path) throw new Error("usage: node compare.ts <swagger.json[.gz]>");
  const bytes = readFileSync(path);
  const swagger = JSON.parse((path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8")) as {
    definitions: Record<string, Json>;
  };
  const names = Object.keys(facts.types).filter((n) => swagger.definitions[n]);
  const lines = names.flatMap((n) => differences(n, swagger.definitions[n] ?? {}));
  for (const line of lines) console.log(line);
  console.log(`${names.length} definitions compared, ${lines.length} differences`);
  const descriptions = loadDescriptions();
  const prose = names.map((n) => comparedProse(n, swagger.definitions[n] ?? {}, descriptions));
  for (const { different } of prose)
    for (const key of different) console.log(`${key}: described differently`);
  const total = prose.reduce((sum, one) => sum + one.total, 0);
  const unequal = prose.reduce((sum, one) => sum + one.different.length, 0);
  console.log(`${total - unequal} of ${total} descriptions are equal`);
  process.exitCode = lines.length > 0 ? 1 : 0;
}
