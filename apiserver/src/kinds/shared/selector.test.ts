import { expect, test } from "vitest";
import { path } from "../../registry/field.ts";
import { labelsText, selectorMatches, selectorText, validateLabelSelector } from "./selector.ts";

const all = {
  matchLabels: { app: "web" },
  matchExpressions: [
    { key: "tier", operator: "In", values: ["b", "a"] },
    { key: "old", operator: "DoesNotExist" },
    { key: "zone", operator: "Exists" },
    { key: "env", operator: "NotIn", values: ["dev"] },
  ],
};

test("a selector prints sorted by key", () => {
  expect(selectorText(all)).toBe("app=web,env notin (dev),!old,tier in (a,b),zone");
  expect(selectorText({ matchExpressions: [{ key: "a", operator: "Near" }] })).toBe("<error>");
  expect(labelsText({ b: "2", a: "1" })).toBe("a=1,b=2");
});

test("a selector matches labels", () => {
  expect(selectorMatches(all, { app: "web", tier: "a", zone: "x" })).toBe(true);
  expect(selectorMatches(all, { app: "web", tier: "a", zone: "x", old: "" })).toBe(false);
  expect(selectorMatches({}, {})).toBe(true);
  expect(selectorMatches(undefined, {})).toBe(false);
});

test("what is wrong with a selector is said at its place", () => {
  const selector = {
    matchLabels: { "a b": "c d" },
    matchExpressions: [
      { key: "x", operator: "In" },
      { key: "x", operator: "Exists", values: ["y"] },
      { key: "", operator: "Near" },
    ],
  };
  const fields = validateLabelSelector(selector, path("spec", "selector")).map((e) => e.field);
  expect(fields).toEqual([
    "spec.selector.matchLabels",
    "spec.selector.matchLabels[a b]",
    "spec.selector.matchExpressions[0].values",
    "spec.selector.matchExpressions[1].values",
    "spec.selector.matchExpressions[2].operator",
    "spec.selector.matchExpressions[2].key",
    "spec.selector.matchExpressions[2].key",
  ]);
});
