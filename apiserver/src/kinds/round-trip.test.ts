import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { describe, expect, test } from "vitest";
import { withRevision, storageText } from "../registry/storage-text.ts";
import { decodeObject } from "../schema/decode.ts";
import type { Node, ScalarNode } from "../schema/node.ts";
import { schemaFor } from "../schema/registry.ts";
import { kinds } from "./index.ts";

/** Values that are not the zeros of their types, since Go leaves zeros out. */
const scalars: Readonly<Record<ScalarNode["type"], unknown>> = {
  boolean: true,
  int32: 7,
  int64: 2 ** 40,
  double: 0.5,
  bytes: "YQ==",
  quantity: "100m",
  intOrString: "25%",
  time: "2026-11-23T10:00:00Z",
  microTime: "2026-11-23T10:00:00.000001Z",
  duration: "1m30s",
  string: "é☃\n",
};

/** Every field of a type with something in it; a type inside itself is left out. */
function complete(node: Node, within: readonly Node[]): unknown {
  switch (node.kind) {
    case "scalar":
      return node.enum?.find(Boolean) ?? scalars[node.type];
    case "list":
      return [complete(node.items, within)];
    case "map":
      return { "a.b/c": complete(node.values, within) };
    case "object": {
      const fields = [...node.fields.values()].filter(
        ({ name, node: of }) =>
          !["apiVersion", "kind", "resourceVersion"].includes(name) && !within.some((n) => contains(of, n)),
      );
      return Object.fromEntries(fields.map((f) => [f.name, complete(f.node, [...within, node])]));
    }
    case "any":
      return { f: { g: 1 } };
    case "choice":
      // A schema, in all the places where it could be something simpler.
      return { description: "a" };
  }
}

const contains = (node: Node, wanted: Node): boolean =>
  node === wanted ||
  (node.kind === "list" && contains(node.items, wanted)) ||
  (node.kind === "map" && contains(node.values, wanted));

/** The paths in `before` whose values are not in `after`. */
function lost(before: unknown, after: unknown, at = ""): string[] {
  if (typeof before !== "object" || before === null) return Object.is(before, after) ? [] : [at];
  if (typeof after !== "object" || after === null) return [at];
  const have = after as Record<string, unknown>;
  return Object.entries(before).flatMap(([key, value]) => lost(value, have[key], `${at}.${key}`));
}

const versions = kinds.flatMap((kind) =>
  kind.versions.map((version) => [`${kind.kind} ${kind.group || "core"}/${version}`, kind, version] as const),
);

describe.each(versions)("%s", (_, kind, version) => {
  test("keeps every field on its way in, into the store and out again", () => {
    const node = schemaFor(kind.group, version, kind.kind);
    if (node?.kind !== "object") throw new Error("there is no schema");
    const apiVersion = kind.group ? `${kind.group}/${version}` : version;
    const value = complete(node, []) as object;
    const sent = { apiVersion, kind: kind.kind, ...value };
    const { object, unknown, error } = decodeObject(node, JSON.parse(JSON.stringify(sent)));
    expect([error, unknown]).toEqual([undefined, []]);
    expect(lost(value, object)).toEqual([]);
    const stored = withRevision(storageText({ ...sent, ...object } as KubeObject), 7);
    expect(lost(sent, JSON.parse(stored))).toEqual([]);
  });
});
