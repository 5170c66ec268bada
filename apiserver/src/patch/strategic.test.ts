import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { schemaFor } from "../schema/registry.ts";
import { applyStrategicMergePatch } from "./strategic.ts";
import type { JsonObject } from "./json.ts";

const pod = schemaFor("", "v1", "Pod")!;
const deployment = schemaFor("apps", "v1", "Deployment")!;
const spec = (containers: unknown, rest: object = {}) => ({ spec: { containers, ...rest } });
const apply = (target: JsonObject, patch: JsonObject) => applyStrategicMergePatch(pod, target, patch);

describe("strategic merge patch", () => {
  it("merges lists by their merge key and puts the patched elements in the patch's order", () => {
    const target = spec([
      { name: "a", image: "1" },
      { name: "b", image: "1", env: [{ name: "X", value: "1" }] },
    ]);
    const patch = spec([
      { name: "b", env: [{ name: "Y", value: "2" }] },
      { name: "c", image: "3" },
    ]);
    expect(apply(target, patch)).toEqual(
      spec([
        { name: "a", image: "1" },
        {
          name: "b",
          image: "1",
          env: [
            { name: "Y", value: "2" },
            { name: "X", value: "1" },
          ],
        },
        { name: "c", image: "3" },
      ]),
    );
  });

  it("replaces atomic lists and merges lists of scalars that say so", () => {
    const target = {
      metadata: { finalizers: ["a", "b"] },
      spec: { containers: [{ name: "a", args: ["1", "2"] }] },
    };
    const patch = { metadata: { finalizers: ["c"] }, spec: { containers: [{ name: "a", args: ["3"] }] } };
    expect(apply(target, patch)).toEqual({
      metadata: { finalizers: ["c", "a", "b"] },
      spec: { containers: [{ name: "a", args: ["3"] }] },
    });
  });

  it("removes fields with null and elements with $patch: delete", () => {
    const target = spec([{ name: "a" }, { name: "b" }], { nodeName: "n" });
    expect(apply(target, spec([{ name: "a", $patch: "delete" }], { nodeName: null }))).toEqual(
      spec([{ name: "b" }]),
    );
  });

  it("replaces a map or a list with $patch: replace", () => {
    const target = { metadata: { labels: { a: "1" } }, ...spec([{ name: "a" }]) };
    const patch = {
      metadata: { labels: { $patch: "replace", b: "2" } },
      ...spec([{ name: "z" }, { $patch: "replace" }]),
    };
    expect(apply(target, patch)).toEqual({ metadata: { labels: { b: "2" } }, ...spec([{ name: "z" }]) });
  });

  it("keeps only the keys of $retainKeys", () => {
    const target = { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } };
    const patch = { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } };
    expect(applyStrategicMergePatch(deployment, target, patch)).toEqual({
      spec: { strategy: { type: "Recreate" } },
    });
    expect(() =>
      applyStrategicMergePatch(deployment, target, {
        spec: { strategy: { $retainKeys: ["type"], rollingUpdate: {} } },
      }),
    ).toThrow("invalid patch format of retainKeys");
  });

  it("orders by $setElementOrder, and leaves the server's own elements near where they were", () => {
    const target = spec([{ name: "a" }, { name: "server" }, { name: "b" }]);
    const patch = spec([{ name: "b", image: "2" }], {
      "$setElementOrder/containers": [{ name: "b" }, { name: "a" }],
    });
    expect(apply(target, patch)).toEqual(
      spec([{ name: "server" }, { name: "b", image: "2" }, { name: "a" }]),
    );
  });

  it("deletes from lists of scalars", () => {
    const target = { metadata: { finalizers: ["a", "b", "c"] } };
    const patch = {
      metadata: { "$deleteFromPrimitiveList/finalizers": ["b"], "$setElementOrder/finalizers": ["c", "a"] },
    };
    expect(apply(target, patch)).toEqual({ metadata: { finalizers: ["c", "a"] } });
  });

  it("refuses an element without its merge key and an unknown directive", () => {
    expect(() => apply(spec([{ name: "a" }]), spec([{ image: "x" }]))).toThrow(
      "does not contain declared merge key: name",
    );
    expect(() => apply({}, { spec: { $patch: "shuffle" } })).toThrow(expect.objectContaining({ code: 400 }));
  });

  it("takes a new object without its directives and nulls", () => {
    expect(
      apply(
        {},
        spec([
          { name: "a", securityContext: { $retainKeys: ["runAsUser"], runAsUser: 1, privileged: null } },
        ]),
      ),
    ).toEqual(spec([{ name: "a", securityContext: { runAsUser: 1 } }]));
  });

  const names = fc.constantFrom("a", "b", "c", "d");
  const container = fc.record(
    { name: names, image: fc.constantFrom("1", "2"), args: fc.array(fc.constantFrom("x", "y")) },
    { requiredKeys: ["name"] },
  );
  const unique = fc.uniqueArray(container, { selector: (c) => c.name });
  const object = fc.record(
    {
      metadata: fc.record(
        { labels: fc.dictionary(names, names), finalizers: fc.uniqueArray(names) },
        { requiredKeys: [] },
      ),
      spec: fc.record({ containers: unique, nodeName: fc.constantFrom("n", "m") }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  );

  it("is idempotent and changes none of its inputs", () => {
    fc.assert(
      fc.property(object, object, (target, patch) => {
        const inputs = JSON.stringify([target, patch]);
        const once = apply(target, patch);
        expect(apply(once, patch)).toEqual(once);
        expect(JSON.stringify([target, patch])).toBe(inputs);
      }),
    );
  });

  it("makes any object out of nothing when it is the patch", () => {
    fc.assert(
      fc.property(object, (value) => {
        expect(apply({}, value)).toEqual(value);
      }),
    );
  });
});
