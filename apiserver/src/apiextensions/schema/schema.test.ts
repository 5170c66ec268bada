import { describe, expect, test } from "vitest";
import type { FieldError } from "../../registry/field.ts";
import { applyDefaults, dropNulls } from "./defaults.ts";
import { prune } from "./prune.ts";
import { compileRules, runRules } from "./rules.ts";
import type { Schema } from "./structural.ts";
import { validateSchema } from "./validate.ts";

const lines = (errors: readonly FieldError[]): string[] => errors.map((e) => `${e.field}: ${e.message}`);
const spec = (properties: Record<string, Schema>, more: Partial<Schema> = {}): Schema => ({
  type: "object",
  properties: { spec: { type: "object", properties, ...more } },
});
const wrong = (schema: Schema, value: object, old?: object): string[] =>
  lines(validateSchema(schema, { spec: value }, old && { spec: old }));

describe("pruning", () => {
  test("drops what is not declared, keeps what is open", () => {
    const schema: Schema = spec({
      a: { type: "string" },
      open: {
        type: "object",
        "x-kubernetes-preserve-unknown-fields": true,
        properties: { in: { type: "object" } },
      },
      map: {
        type: "object",
        additionalProperties: { type: "object", properties: { x: { type: "string" } } },
      },
      list: { type: "array", items: { type: "object", properties: { x: { type: "string" } } } },
      pod: { type: "object", "x-kubernetes-embedded-resource": true },
    });
    const value = {
      apiVersion: "v1",
      kind: "K",
      metadata: { name: "n" },
      other: 1,
      spec: {
        a: "a",
        b: 1,
        open: { any: { thing: 1 }, in: { gone: 1 } },
        map: { k: { x: "1", y: 2 } },
        list: [{ x: "1", z: 1 }],
        pod: { kind: "Pod", metadata: { labels: { a: "b" }, colour: "red" }, spec: {} },
      },
    };
    const removed = prune(schema, value, true);
    expect(removed).toEqual([
      "other",
      "spec.b",
      "spec.open.in.gone",
      "spec.map.k.y",
      "spec.list[0].z",
      "spec.pod.metadata.colour",
      "spec.pod.spec",
    ]);
    expect(value).toEqual({
      apiVersion: "v1",
      kind: "K",
      metadata: { name: "n" },
      spec: {
        a: "a",
        open: { any: { thing: 1 }, in: {} },
        map: { k: { x: "1" } },
        list: [{ x: "1" }],
        pod: { kind: "Pod", metadata: { labels: { a: "b" } } },
      },
    });
  });
});

test("nulls of fields that may be none are as good as absent", () => {
  const schema = spec({
    a: { type: "string" },
    b: { type: "string", nullable: true },
    c: { type: "string", default: "x" },
    map: { type: "object", additionalProperties: { type: "string" } },
    open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  });
  const value = { spec: { a: null, b: null, c: null, map: { k: null, l: "x" }, open: { any: null } } };
  dropNulls(schema, value);
  applyDefaults(schema, value);
  expect(value).toEqual({ spec: { b: null, c: "x", map: { l: "x" }, open: { any: null } } });
});

test("defaults are set at every depth, and for nulls that may not be", () => {
  const schema = spec({
    replicas: { type: "integer", default: 1 },
    name: { type: "string", nullable: true, default: "x" },
    list: {
      type: "array",
      items: { type: "object", properties: { port: { type: "integer", default: 80 } } },
    },
    nested: { type: "object", default: {}, properties: { on: { type: "boolean", default: true } } },
  });
  const value = { spec: { replicas: null, name: null, list: [{}, { port: 1 }] } };
  applyDefaults(schema, value);
  expect(value).toEqual({
    spec: { replicas: 1, name: null, list: [{ port: 80 }, { port: 1 }], nested: { on: true } },
  });
});

describe("validation", () => {
  test.each<[string, Schema, object, string[]]>([
    [
      "types",
      spec({ replicas: { type: "integer" } }),
      { replicas: "x" },
      ['spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"'],
    ],
    ["an integer is a number", spec({ n: { type: "number" } }), { n: 1 }, []],
    ["required", spec({ a: { type: "string" } }, { required: ["a"] }), {}, ["spec.a: Required value"]],
    [
      "enum",
      spec({ a: { type: "string", enum: ["x", "y"] } }),
      { a: "z" },
      ['spec.a: Unsupported value: "z": supported values: "x", "y"'],
    ],
    [
      "pattern",
      spec({ a: { type: "string", pattern: "^[a-z]+$" } }),
      { a: "A" },
      [`spec.a: Invalid value: "A": spec.a in body should match '^[a-z]+$'`],
    ],
    [
      "patterns in RE2's syntax",
      spec({
        a: { type: "string", pattern: "(?i)^[[:alpha:]]+$" },
        b: { type: "string", pattern: String.raw`^\p{Lu}` },
      }),
      { a: "aB", b: "x" },
      [String.raw`spec.b: Invalid value: "x": spec.b in body should match '^\p{Lu}'`],
    ],
    [
      "range",
      spec({
        a: { type: "integer", minimum: 1, maximum: 10 },
        b: { type: "integer", maximum: 10, exclusiveMaximum: true },
      }),
      { a: 0, b: 10 },
      [
        "spec.a: Invalid value: 0: spec.a in body should be greater than or equal to 1",
        "spec.b: Invalid value: 10: spec.b in body should be less than 10",
      ],
    ],
    [
      "lengths",
      spec({
        a: { type: "string", minLength: 3 },
        b: { type: "array", maxItems: 1, items: { type: "string" } },
      }),
      { a: "x", b: ["1", "2"] },
      [
        'spec.a: Invalid value: "x": spec.a in body should be at least 3 chars long',
        "spec.b: Too many: 2: must have at most 1 items",
      ],
    ],
    [
      "format",
      spec({ t: { type: "string", format: "date-time" } }),
      { t: "today" },
      ['spec.t: Invalid value: "today": spec.t in body must be of type date-time: "today"'],
    ],
    [
      "null",
      spec({ a: { type: "string" }, b: { type: "string", nullable: true } }),
      { a: null, b: null },
      ['spec.a: Invalid value: "null": spec.a in body must be of type string: "null"'],
    ],
    ["int or string", spec({ p: { "x-kubernetes-int-or-string": true } }), { p: "http" }, []],
    [
      "int or string, but nothing else",
      spec({ p: { "x-kubernetes-int-or-string": true } }),
      { p: true },
      ['spec.p: Invalid value: "boolean": spec.p in body must be of type integer,string: "boolean"'],
    ],
    [
      "oneOf",
      spec(
        { a: { type: "string" }, b: { type: "string" } },
        { oneOf: [{ required: ["a"] }, { required: ["b"] }] },
      ),
      { a: "1", b: "2" },
      [
        'spec: Invalid value: "": spec in body must validate one and only one schema (oneOf). Found 2 valid alternatives',
      ],
    ],
    [
      "anyOf and not",
      spec({ a: { type: "string", anyOf: [{ pattern: "^x" }, { pattern: "^y" }], not: { enum: ["xx"] } } }),
      { a: "xx" },
      ['spec.a: Invalid value: "xx": spec.a in body must not validate the schema (not)'],
    ],
    [
      "maps of lists have each key once",
      spec({
        l: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: { type: "object", properties: { name: { type: "string" } } },
        },
      }),
      { l: [{ name: "a" }, { name: "a" }] },
      ['spec.l[1]: Duplicate value: {"name":"a"}'],
    ],
    [
      "embedded resources",
      spec({ e: { type: "object", "x-kubernetes-embedded-resource": true } }),
      { e: { kind: "Pod" } },
      ["spec.e.apiVersion: Required value: must not be empty"],
    ],
    [
      "labels and names of embedded resources",
      spec({ e: { type: "object", "x-kubernetes-embedded-resource": true } }),
      { e: { apiVersion: "v1", kind: "Pod", metadata: { name: "Any_Name", labels: { a: "b c" } } } },
      [expect.stringMatching(/^spec\.e\.metadata\.labels: Invalid value: "b c"/)],
    ],
    [
      "metadata of embedded resources",
      spec({ e: { type: "object", "x-kubernetes-embedded-resource": true } }),
      { e: { apiVersion: "v1", kind: "Pod", metadata: { labels: 5 } } },
      [expect.stringMatching(/^spec\.e\.metadata: Invalid value: .*cannot unmarshal number/)],
    ],
  ])("%s", (_name, schema, value, expected) => {
    expect(wrong(schema, value)).toEqual(expected);
  });

  test("what an update did not touch is let be", () => {
    const schema = spec({ a: { type: "string", maxLength: 1 }, b: { type: "string" } });
    expect(wrong(schema, { a: "long", b: "new" }, { a: "long", b: "old" })).toEqual([]);
    expect(wrong(schema, { a: "longer" }, { a: "long" })).toEqual([
      "spec.a: Too long: may not be more than 1 bytes",
    ]);
  });
});

describe("rules", () => {
  const broken = (schema: Schema, value: object, old?: object): string[] => {
    const tree = compileRules(schema);
    return tree ? lines(runRules(tree, value, { old })) : ["no rules"];
  };

  test("see their own part, with numbers and names as declared", () => {
    const schema = spec(
      {
        min: { type: "integer" },
        max: { type: "integer" },
        ratio: { type: "number", "x-kubernetes-validations": [{ rule: "self <= 1.0" }] },
        namespace: { type: "string" },
        "a-b": { type: "string" },
      },
      {
        "x-kubernetes-validations": [
          { rule: "self.min <= self.max", message: "min above max" },
          { rule: "self.__namespace__ == 'x' && self.a__dash__b == 'y'" },
        ],
      },
    );
    const good = { spec: { min: 1, max: 2, ratio: 1, namespace: "x", "a-b": "y" } };
    expect(broken(schema, good)).toEqual([]);
    expect(broken(schema, { spec: { ...good.spec, min: 3, ratio: 1.5 } })).toEqual([
      "spec: Invalid value: min above max",
      "spec.ratio: Invalid value: 1.5: failed rule: self <= 1.0",
    ]);
  });

  test("of transition need a state before", () => {
    const schema = spec({
      name: {
        type: "string",
        "x-kubernetes-validations": [
          { rule: "self == oldSelf", message: "is immutable", reason: "FieldValueForbidden" },
          { rule: "!oldSelf.hasValue() || self.size() >= oldSelf.value().size()", optionalOldSelf: true },
        ],
      },
    });
    expect(broken(schema, { spec: { name: "a" } })).toEqual([]);
    expect(broken(schema, { spec: { name: "a" } }, { spec: { name: "bb" } })).toEqual([
      "spec.name: Forbidden: is immutable",
      'spec.name: Invalid value: "a": failed rule: !oldSelf.hasValue() || self.size() >= oldSelf.value().size()',
    ]);
  });

  test("of elements of a keyed list find the element before", () => {
    const schema = spec({
      l: {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        items: {
          type: "object",
          properties: { name: { type: "string" }, v: { type: "integer" } },
          "x-kubernetes-validations": [{ rule: "self.v >= oldSelf.v", fieldPath: ".v" }],
        },
      },
    });
    const old = {
      spec: {
        l: [
          { name: "a", v: 5 },
          { name: "b", v: 1 },
        ],
      },
    };
    expect(
      broken(
        schema,
        {
          spec: {
            l: [
              { name: "b", v: 2 },
              { name: "a", v: 4 },
              { name: "c", v: 0 },
            ],
          },
        },
        old,
      ),
    ).toEqual(["spec.l[1].v: Invalid value: failed rule: self.v >= oldSelf.v"]);
  });

  test("make their own message", () => {
    const schema = spec(
      { n: { type: "integer" } },
      { "x-kubernetes-validations": [{ rule: "self.n < 3", messageExpression: "'n is ' + string(self.n)" }] },
    );
    expect(broken(schema, { spec: { n: 7 } })).toEqual(["spec: Invalid value: n is 7"]);
    expect(broken(schema, { spec: {} })).toEqual([
      'spec: Invalid value: "object": no such key: n evaluating rule: self.n < 3',
    ]);
  });

  test("that were broken before an update warn; transitions refuse still", () => {
    const schema = spec(
      { n: { type: "integer" }, other: { type: "string" } },
      { "x-kubernetes-validations": [{ rule: "self.n < 3" }] },
    );
    const tree = compileRules(schema);
    const warnings: string[] = [];
    const warn = (text: string): void => void warnings.push(text);
    const value = { metadata: { labels: { a: "b" } }, spec: { n: 7 } };
    expect(tree && runRules(tree, value, { old: { metadata: {}, spec: { n: 7 } }, warn })).toEqual([]);
    expect(warnings).toEqual(["spec: Invalid value: failed rule: self.n < 3"]);
    const changed = { spec: { n: 7, other: "x" } };
    expect(tree && lines(runRules(tree, changed, { old: { spec: { n: 7 } }, warn }))).toEqual([
      "spec: Invalid value: failed rule: self.n < 3",
    ]);
  });

  test("times and durations", () => {
    const schema = spec(
      { from: { type: "string", format: "date-time" }, for: { type: "string", format: "duration" } },
      {
        "x-kubernetes-validations": [
          { rule: "self.from.getFullYear() == 2024 && self.__for__ > duration('1m')" },
        ],
      },
    );
    expect(broken(schema, { spec: { from: "2024-05-01T00:00:00Z", for: "2h" } })).toEqual([]);
  });
});
