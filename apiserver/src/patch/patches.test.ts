import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ApiError } from "@coracle/shared/errors.ts";
import { schemaFor } from "../schema/registry.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { equal, isObject } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { applyStrategicMergePatch } from "./strategic.ts";

describe("merge patch", () => {
  it.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: "foo" }, { a: { b: { c: null } } }, { a: { b: {} } }],
    [["a"], { a: "b" }, { a: "b" }],
  ])("of %j with %j is %j", (target, patch, expected) => {
    expect(applyMergePatch(target, patch)).toEqual(expected);
  });
  it("cannot reach a prototype", () => {
    applyMergePatch(
      {},
      JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
  it("made of the difference of two objects turns one into the other", () => {
    const diff = (a: unknown, b: unknown): unknown => {
      if (typeof a !== "object" || typeof b !== "object" || !a || !b || Array.isArray(a) || Array.isArray(b))
        return b;
      const out: Record<string, unknown> = {};
      for (const k of Object.keys(a)) if (!Object.hasOwn(b, k)) out[k] = null;
      for (const [k, v] of Object.entries(b)) {
        const old = (a as Record<string, unknown>)[k];
        if (!equal(old, v)) out[k] = Object.hasOwn(a, k) ? diff(old, v) : v;
      }
      return out;
    };
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer()));
    const key = fc.constantFrom("a", "b", "c");
    const value = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf)));
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(applyMergePatch(a, diff(a, b))).toEqual(b);
      }),
    );
  });
});

describe("JSON patch", () => {
  const target = { spec: { replicas: 1, list: [1, 2] } };
  it("carries out its operations and leaves its input alone", () => {
    const patch = [
      { op: "test", path: "/spec/replicas", value: 1 },
      { op: "replace", path: "/spec/replicas", value: 3 },
      { op: "add", path: "/spec/list/-", value: 3 },
      { op: "remove", path: "/spec/list/0" },
      { op: "add", path: "/spec/a~1b", value: { x: 1 } },
      { op: "copy", from: "/spec/list", path: "/copy" },
    ];
    expect(applyJsonPatch(target, patch)).toEqual({
      spec: { replicas: 3, list: [2, 3], "a/b": { x: 1 } },
      copy: [2, 3],
    });
    expect(target).toEqual({ spec: { replicas: 1, list: [1, 2] } });
  });
  it.each([
    [{ op: "test", path: "/spec/replicas", value: 2 }, 422],
    [{ op: "remove", path: "/spec/nope" }, 422],
    [{ op: "replace", path: "/nope/deeper", value: 1 }, 422],
    [{ op: "add", path: "/spec/list/9", value: 1 }, 422],
    [{ op: "add", path: "/__proto__/polluted", value: 1 }, 422],
    [{ op: "shuffle", path: "/spec" }, 400],
    [{ op: "add", path: "spec", value: 1 }, 400],
    [{ op: "add", path: "/spec" }, 400],
    ["x", 400],
  ])("refuses %j with %i", (operation, code) => {
    expect(() => applyJsonPatch(target, [operation])).toThrow(expect.objectContaining({ code }));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
  it("refuses what is not a list of operations", () => {
    expect(() => applyJsonPatch(target, { op: "add" })).toThrow(expect.objectContaining({ code: 400 }));
  });
  it("does not let copies double an object without end", () => {
    const double = Array.from({ length: 60 }, (_, i) => ({ op: "copy", from: "/spec", path: `/spec/c${i}` }));
    expect(() => applyJsonPatch(target, double)).toThrow(expect.objectContaining({ code: 413 }));
  });
});

describe("every patch", () => {
  const pod = schemaFor("", "v1", "Pod")!;
  it("refuses patches nested without end", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`) as JsonObject;
    expect(() => applyMergePatch({}, deep)).toThrow("exceeded max depth");
    expect(() => applyStrategicMergePatch(pod, {}, deep)).toThrow("exceeded max depth");
    expect(() => applyJsonPatch({}, [{ op: "add", path: "/a", value: deep }])).toThrow("exceeded max depth");
  });
  it("answers any patch with an object or a Status", () => {
    const target = {
      metadata: { labels: { a: "b" }, finalizers: ["x"] },
      spec: { containers: [{ name: "a" }] },
    };
    const key = fc.constantFrom(
      "metadata",
      "spec",
      "containers",
      "labels",
      "$patch",
      "$retainKeys",
      "$setElementOrder/containers",
      "$deleteFromPrimitiveList/finalizers",
      "finalizers",
      "name",
      "__proto__",
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        fc.constant(null),
        fc.constantFrom("a", "delete", "replace", "merge"),
        fc.integer(),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(key, tie("any"), { maxKeys: 4 }),
      ),
    })).any;
    const operation = fc.record({
      op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test"),
      path: fc.constantFrom(
        "",
        "/spec",
        "/spec/containers/0",
        "/metadata/labels/a",
        "/x/y",
        "/spec/containers/-",
      ),
      from: fc.constantFrom("", "/spec", "/spec/containers"),
      value,
    });
    const check = (run: () => unknown) => {
      let outcome: unknown;
      try {
        outcome = run();
      } catch (error) {
        outcome = error instanceof ApiError && error.code < 500 ? {} : error;
      }
      expect(outcome).not.toBeInstanceOf(Error);
      expect(typeof outcome).toBe("object");
    };
    fc.assert(
      fc.property(value, fc.array(operation), (patch, operations) => {
        check(() => Object(applyMergePatch(target, patch)) as object);
        if (isObject(patch)) check(() => applyStrategicMergePatch(pod, target, patch));
        check(() => Object(applyJsonPatch(target, operations)) as object);
      }),
      { numRuns: 500 },
    );
  });
});
