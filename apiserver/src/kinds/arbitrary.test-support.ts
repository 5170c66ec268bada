import fc from "fast-check";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Kind, WriteContext } from "../registry/kind.ts";
import type { Node, ObjectNode, ScalarNode } from "../schema/node.ts";
import { schemaFor } from "../schema/registry.ts";

/** Strings that some rule somewhere has an opinion on. */
const words = [
  "",
  "a",
  "web",
  "Web_1",
  "-x",
  "x/y",
  "example.com/name",
  "a.b.c",
  "../up",
  "/abs",
  "$(VAR)",
  "10.0.0.1",
  "10.96.0.0/16",
  "fe80::1",
  "None",
  "Always",
  "Never",
  "OnFailure",
  "ClusterIP",
  "NodePort",
  "LoadBalancer",
  "ExternalName",
  "RollingUpdate",
  "Recreate",
  "Indexed",
  "Local",
  "Container",
  "Pod",
  "In",
  "Exists",
  "TCP",
  "IPv4",
  "Resource",
  "Limited",
  "Exempt",
  "* * * * *",
  "@daily",
  "Europe/Brussels",
  "nginx:latest",
  "nginx@sha256:abc",
  "metadata.labels['app']",
  "é",
  "a".repeat(64),
  "a".repeat(254),
];
const quantities = ["0", "1", "100m", "0.5", "1Gi", "1024Mi", "-1", "1e3", "1.5", "3n", "100k"];

const scalar = (node: ScalarNode): fc.Arbitrary<unknown> => {
  if (node.enum) return fc.constantFrom(...node.enum, "Other");
  switch (node.type) {
    case "boolean":
      return fc.boolean();
    case "int32":
    case "int64":
      return fc.constantFrom(-1, 0, 1, 2, 7, 80, 600, 30080, 65536, 2 ** 31 - 1);
    case "double":
      return fc.double({ noNaN: true });
    case "bytes":
      return fc.constantFrom("", "YQ==", "e30=");
    case "quantity":
      return fc.constantFrom(...quantities);
    case "intOrString":
      return fc.constantFrom(-1, 0, 1, 80, "25%", "101%", "http", "0%", "");
    case "time":
      return fc.constantFrom("2026-11-23T10:00:00Z", "2026-11-23T09:00:00Z");
    case "microTime":
      return fc.constant("2026-11-23T10:00:00.000000Z");
    case "duration":
      return fc.constant("30s");
    case "string":
      return fc.constantFrom(...words);
  }
};

/** Any value of a type, as the decoder would hand it on: required fields may be missing. */
function valueOf(node: Node, depth: number): fc.Arbitrary<unknown> {
  switch (node.kind) {
    case "scalar":
      return scalar(node);
    case "list":
      return fc.array(valueOf(node.items, depth - 1), { maxLength: depth > 2 ? 2 : 1 });
    case "map":
      return fc.dictionary(
        fc.constantFrom("a", "cpu", "memory", "storage", "b/c", ""),
        valueOf(node.values, depth - 1),
        {
          maxKeys: 2,
        },
      );
    case "object":
      return objectOf(node, depth);
    case "any":
    case "choice":
      return fc.constant({});
  }
}

function objectOf(node: ObjectNode, depth: number): fc.Arbitrary<Record<string, unknown>> {
  if (depth <= 0) return fc.constant({});
  const fields = [...node.fields.values()].filter((f) => !["apiVersion", "kind"].includes(f.name));
  // Only a few fields at a time: specs with everything in them are refused early and prove little.
  return fc
    .subarray(fields, { maxLength: Math.min(fields.length, 5) })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((field) => [field.name, valueOf(field.node, depth - 1)]))),
    );
}

/** Objects of a kind in its storage form. */
export function arbitraryObject(kind: Kind): fc.Arbitrary<KubeObject> {
  const [group, version] = kind.storageVersion === "core/v1" ? ["", "v1"] : [kind.group, kind.storageVersion];
  const node = schemaFor(group ?? "", version ?? "v1", kind.kind);
  if (!node) throw new Error(`no schema for ${kind.kind}`);
  const parts = ["spec", "status", "template", "webhooks"].flatMap((name) => {
    const field = node.fields.get(name);
    return field ? [[name, valueOf(field.node, 9)] as const] : [];
  });
  return fc
    .tuple(
      objectOf(node, 8),
      fc.record(Object.fromEntries(parts)),
      fc.constantFrom("web", "web-1", "", "Web", "a.b"),
    )
    .map(([whole, main, name]) => ({
      ...whole,
      ...main,
      metadata: {
        ...(whole["metadata"] as object | undefined),
        name,
        uid: "0b5dfb3a-0000-4000-8000-000000000000",
        ...(kind.namespaced ? { namespace: "default" } : {}),
      },
    }));
}

export const now = new Date("2026-11-23T12:00:00Z");

/** A context for strategies that look at nothing else in the cluster. */
export const contextFor = (overrides: Partial<WriteContext> = {}): WriteContext => ({
  user: { username: "alice", groups: ["system:authenticated"] },
  namespace: "default",
  dryRun: false,
  now: () => now,
  lookup: () => undefined,
  all: () => [],
  store: undefined as never,
  warn: () => undefined,
  subresource: "",
  verb: "update",
  refusal: () => undefined,
  ...overrides,
});
