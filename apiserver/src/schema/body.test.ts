import { describe, expect, it } from "vitest";
import { decodeAs, parseBody, parseYaml } from "./body.ts";
import { duplicateFields, strictFields } from "./json.ts";
import { schemaFor } from "./registry.ts";

const target = { node: schemaFor("apps", "v1", "Deployment")!, apiVersion: "apps/v1", kind: "Deployment" };
const bytes = (text: string) => Buffer.from(text);

describe("strictFields", () => {
  it("keeps to the order of the text, and looks into nothing unknown", () => {
    const text = '{"b":{"x":1,"x":2},"a":1,"u":{"p":1,"p":2},"a":2,"u":3,"v":0}';
    expect(strictFields(text, ['unknown field "v"', 'unknown field "u"'])).toEqual([
      'duplicate field "b.x"',
      'unknown field "u"',
      'duplicate field "a"',
      'unknown field "v"',
    ]);
  });
});

describe("duplicateFields", () => {
  it("names the second of two equal keys by its path", () => {
    const text = '{"a":{"b":[{"c":1,"c":"{\\"c\\":1}"}],"d\\u0065":1,"de":2},"x":[1,{"c":1}],"a":1}';
    expect(duplicateFields(text)).toEqual([
      'duplicate field "a.b[0].c"',
      'duplicate field "a.de"',
      'duplicate field "a"',
    ]);
  });
  it("finds none in what JSON.stringify writes", () => {
    expect(duplicateFields(JSON.stringify({ a: [{ b: 'q"\\' }, { b: 1 }], c: "a", d: { a: 1 } }))).toEqual(
      [],
    );
  });
});

describe("bodies", () => {
  it("refuses unknown and duplicate fields when strict", () => {
    const body = parseBody(bytes('{"spec":{"replicas":1,"replicas":2,"foo":1}}'), "application/json", true);
    expect(() => decodeAs(target, body, "Strict")).toThrow(
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: duplicate field "spec.replicas", unknown field "spec.foo"',
    );
  });
  it("warns of them, or says nothing, when told so", () => {
    const parse = () => parseBody(bytes('{"spec":{"foo":1}}'), undefined, true);
    expect(decodeAs(target, parse(), "Warn").warnings).toEqual(['unknown field "spec.foo"']);
    expect(decodeAs(target, parse(), "Ignore").warnings).toEqual([]);
  });
  it("refuses text that is not JSON with 400 and other types with 415", () => {
    expect(() => parseBody(bytes("{nope"), "application/json", false)).toThrow(/json parse error/);
    expect(() => parseBody(bytes("<a/>"), "text/xml", false)).toThrow(expect.objectContaining({ code: 415 }));
  });
  it("reads YAML as upstream does", () => {
    const { value } = parseYaml("a: yes\nb: 22:22\nc: 2026-01-01\nd: 010\ne: 1.0\n", false);
    expect(value).toEqual({ a: true, b: "22:22", c: "2026-01-01", d: 8, e: 1 });
  });
  it.each([
    ["nesting without end", "[".repeat(50_000)],
    ["nesting in JSON within YAML", `{"a": ${"[".repeat(50_000)}${"]".repeat(50_000)}, b: c}`],
    [
      "aliases that multiply",
      `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\ne: [*d,*d,*d,*d]`,
    ],
    ["a tab for indentation", "a:\n\t- b"],
  ])("refuses YAML with %s", (_, text) => {
    expect(() => parseYaml(text, true)).toThrow(expect.objectContaining({ code: 400 }));
  });
});
