import { expect, test } from "vitest";
import type { Namespace } from "@coracle/shared/api/generated/core-v1.ts";
import { created, row, updateRefusals } from "../kind.test-support.ts";
import { namespaces } from "./kind.ts";

test("a namespace starts active, named by a label and held by its finalizer", () => {
  expect(created(namespaces, {})).toMatchObject({
    metadata: { labels: { "kubernetes.io/metadata.name": "web" } },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  });
});

test("finalizers change through finalize only, phases only with deletion", () => {
  const strip = (namespace: Namespace): void => {
    namespace.spec = { finalizers: ["unqualified"] };
  };
  expect(updateRefusals(namespaces, {}, strip as never)).toEqual([]);
  expect(updateRefusals(namespaces, {}, strip as never, { subresource: "finalize" })).toEqual([
    "spec.finalizers: Forbidden: name is neither a standard finalizer name nor is it fully qualified",
  ]);
  const end = (namespace: Namespace): void => {
    namespace.status = { phase: "Terminating" };
  };
  expect(updateRefusals(namespaces, {}, end as never, { subresource: "status" })).toEqual([
    "status.phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
  ]);
});

test("a line", () => {
  expect(row(namespaces, { status: { phase: "Active" } })).toEqual({
    NAME: "web",
    STATUS: "Active",
    AGE: "60m",
  });
});
