import { describe, expect, it } from "vitest";
import { applyConfiguration } from "../patch/apply.ts";
import { emptySet } from "../patch/field-set.ts";
import { customResourceNode } from "./custom-node.ts";
import { decodeObject } from "./decode.ts";

const node = customResourceNode({
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        replicas: { type: "integer" },
        port: { "x-kubernetes-int-or-string": true },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        labels: { type: "object", additionalProperties: { type: "string" } },
        template: { type: "object", "x-kubernetes-embedded-resource": true },
        rules: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            properties: { name: { type: "string" }, hosts: { type: "array", items: { type: "string" } } },
          },
        },
      },
    },
  },
});
const base = { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "t" } };

describe("custom resources", () => {
  it("are pruned by their schema, save where it keeps what it does not know", () => {
    const { object, unknown } = decodeObject(node, {
      ...base,
      extra: 1,
      spec: {
        replicas: 0,
        odd: 1,
        port: "http",
        free: { a: { b: [] } },
        labels: { x: "y" },
        template: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: {} },
      },
    });
    expect(unknown).toEqual([
      'unknown field "extra"',
      'unknown field "spec.odd"',
      'unknown field "spec.template.spec"',
    ]);
    expect(object).toEqual({
      ...base,
      spec: {
        replicas: 0,
        port: "http",
        free: { a: { b: [] } },
        labels: { x: "y" },
        template: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" } },
      },
    });
  });

  it("keep everything when they have no schema", () => {
    const object = { ...base, anything: { a: [1, null] } };
    expect(decodeObject(customResourceNode(undefined), structuredClone(object))).toEqual({
      object,
      unknown: [],
      error: undefined,
    });
  });

  it("are applied with the list keys their schema declares", () => {
    const apply = (live: never, manager: string, rules: object[]) =>
      applyConfiguration(
        node,
        live,
        { ...base, spec: { rules } },
        {
          manager,
          apiVersion: base.apiVersion,
          subresource: "",
          now: new Date(0),
          resetFields: emptySet,
          force: false,
        },
      ).object as never;
    const one = apply(undefined as never, "one", [{ name: "a", hosts: ["x"] }]);
    const two = apply(one, "two", [{ name: "b" }]);
    expect(two).toMatchObject({ spec: { rules: [{ name: "a", hosts: ["x"] }, { name: "b" }] } });
    expect(apply(two, "one", [])).toMatchObject({ spec: { rules: [{ name: "b" }] } });
  });
});
