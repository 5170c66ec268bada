import { describe, expect, it } from "vitest";
import { escapeFieldValue, fieldsMatch, parseFieldSelector } from "./fields.ts";
import { isQualifiedName, parseSelector, selectorFromMap, selectorFromObject } from "./labels.ts";

const labels = { app: "web", tier: "front", n: "7", "example.com/x": "" };

describe("a label selector in text form", () => {
  it.each([
    ["", true],
    ["app=web", true],
    ["app==web,tier=front", true],
    ["app!=web", false],
    ["absent!=web", true],
    ["app in (web, api)", true],
    ["app in (api)", false],
    ["app notin (api),tier", true],
    ["absent notin (a)", true],
    ["!absent", true],
    ["! app", false],
    ["n>6,n<8", true],
    ["n>7", false],
    ["app>6", false],
    ["example.com/x=", true],
    ["example.com/x", true],
    ["example.com/x in (,a)", true],
  ])("%j matches: %s", (text, expected) => {
    expect(parseSelector(text).matches(labels)).toBe(expected);
  });

  it.each([
    "a=b=c",
    "=a",
    "a in b",
    "a in (b",
    "a,,b",
    "a b",
    "a in (b,)x",
    "!",
    "a>b",
    "-a=b",
    "a=b/c",
    "(",
    "a=/",
  ])("%j is refused with 400", (text) => {
    expect(() => parseSelector(text)).toThrow(expect.objectContaining({ code: 400 }) as Error);
  });

  it("prints so that it parses again to the same", () => {
    const text = parseSelector("b in (y,x),!c,a=1,d,e!=f,g>1").toString();
    expect(text).toBe("a=1,b in (x,y),!c,d,e!=f,g>1");
    expect(parseSelector(text).toString()).toBe(text);
  });
});

describe("a LabelSelector object", () => {
  it("selects nothing when absent and everything when empty", () => {
    expect([selectorFromObject(undefined).matches(labels), selectorFromObject({}).matches({})]).toEqual([
      false,
      true,
    ]);
  });

  it("joins its labels and expressions", () => {
    const selector = selectorFromObject({
      matchLabels: { app: "web" },
      matchExpressions: [
        { key: "tier", operator: "In", values: ["front", "back"] },
        { key: "old", operator: "DoesNotExist" },
      ],
    });
    expect([selector.matches(labels), selector.matches({ ...labels, old: "" })]).toEqual([true, false]);
    expect(() => selectorFromObject({ matchExpressions: [{ key: "a", operator: "Like" }] })).toThrow(/Like/);
  });

  it("is not fooled by names of Object.prototype", () => {
    expect(parseSelector("constructor").matches({})).toBe(false);
    expect(selectorFromMap({ toString: "x" }).matches({})).toBe(false);
  });
});

it("knows qualified names", () => {
  const valid = ["a", "a.b-c_D", "example.com/a", "x".repeat(63)];
  const not = ["", "-a", "a-", "Example.com/a", "/a", "a/", "a/b/c", "x".repeat(64), "a b"];
  expect([valid.every(isQualifiedName), not.some(isQualifiedName)]).toEqual([true, false]);
});

describe("a field selector", () => {
  const read = (field: string): string =>
    ({ "metadata.name": "a,b=c\\", "status.phase": "Running" })[field] ?? "";
  it("matches with escapes and negation", () => {
    const text = `metadata.name=${escapeFieldValue("a,b=c\\")},status.phase!=Pending`;
    expect(fieldsMatch(parseFieldSelector(text), read)).toBe(true);
    expect(fieldsMatch(parseFieldSelector("status.phase==Pending"), read)).toBe(false);
    expect(fieldsMatch(parseFieldSelector("spec.nodeName="), read)).toBe(true);
  });
  it.each(["a", "a=b=c", "a=b\\x"])("%j is refused", (text) => {
    expect(() => parseFieldSelector(text)).toThrow(/selector/);
  });
});
