import { expect, test } from "vitest";
import type { Schema } from "../../apiextensions/schema/structural.ts";
import { path } from "../../registry/field.ts";
import { validateRules } from "./validate-rules.ts";

const rule = (text: string): Partial<Schema> => ({ "x-kubernetes-validations": [{ rule: text }] });
/** What is wrong with a rule on `foo`. */
const wrong = (foo: Partial<Schema>, text: string): string[] =>
  validateRules({ type: "object", properties: { foo: { ...foo, ...rule(text) } } }, path("schema")).map(
    ({ field, message }) => `${field}: ${message}`,
  );
const strings = (list: Partial<Schema> = {}, item: Partial<Schema> = {}): Partial<Schema> => ({
  type: "array",
  items: { type: "string", ...item },
  ...list,
});
const advice =
  "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";

test("a rule that could take too long is refused, and is not once sizes are limited", () => {
  const text = "self.all(x, x.contains('a string'))";
  expect(wrong(strings(), text)).toEqual([
    `schema.properties[foo].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
    `schema.properties[foo].x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
    `schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
  ]);
  expect(wrong(strings({ maxItems: 25 }, { maxLength: 10 }), text)).toEqual([]);
});

test.each([
  ["a look at every element", strings(), "self.all(x, x != '')"],
  ["a comparison of the whole", strings(), "self == oldSelf"],
  ["a search in one long text", { type: "string" }, "self.matches('^[a-z]+$')"],
  ["the size of anything", strings(), "size(self) < 10"],
  [
    "every pair of a few",
    strings({ maxItems: 500 }, { maxLength: 30 }),
    "self.all(x, self.exists_one(y, x == y))",
  ],
])("%s is within the budget", (_, foo, text) => {
  expect(wrong(foo, text)).toEqual([]);
});

test("a rule about the elements of a list costs as often as there may be elements", () => {
  const inList = (maxItems?: number): number =>
    validateRules(
      {
        type: "object",
        properties: {
          foo: {
            type: "array",
            ...(maxItems === undefined ? {} : { maxItems }),
            items: { type: "string", ...rule("self.matches('^[a-z]+$')") },
          },
        },
      },
      path("schema"),
    ).length;
  expect([inList(), inList(5)]).toEqual([3, 0]);
});

test("however lists without limits are nested, there is no more in them than fits into a request", () => {
  const inner: Schema = {
    type: "array",
    items: { type: "object", properties: { a: { type: "string" } }, ...rule("!has(self.a)") },
  };
  const nested = (more: Partial<Schema>): Schema => ({
    type: "array",
    items: { type: "object", properties: { list: { ...inner, ...more } } },
  });
  const errors = (foo: Schema): number =>
    validateRules({ type: "object", properties: { foo } }, path("schema")).length;
  expect([errors(nested({})), errors(nested({ maxItems: 1000 }))]).toEqual([0, 0]);
  const dear = rule("self.all(x, has(x.a) && self.exists(y, has(y.a) && y.a == x.a))");
  expect(errors(nested({ ...dear, maxItems: 100 }))).toBeGreaterThan(0);
});

test("numbers are compared for nothing: several may be in each element of a list without limits", () => {
  const integer: Schema = { type: "integer" };
  const properties = { a: integer, b: integer, c: integer, d: integer };
  const text = "self.a == 1 && self.b == 2 && self.c == 3 && self.d == 4";
  const foo: Schema = { type: "array", items: { type: "object", properties, ...rule(text) } };
  expect(validateRules({ type: "object", properties: { foo } }, path("schema"))).toEqual([]);
});

test("values that can never be equal are told from each other before there are any", () => {
  expect(wrong({ type: "integer" }, "self == 'x'")[0]).toContain(
    "compilation failed: ERROR: <input>:1:6: found no matching overload for '_==_' applied to '(int, string)'",
  );
  expect(wrong({ type: "number" }, "self == 1 || self > 2")).toEqual([]);
});
