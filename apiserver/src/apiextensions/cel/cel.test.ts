import { describe, expect, test } from "vitest";
import { CelCompileError } from "@coracle/shared/cel/compile-error.ts";
import { compile } from "@coracle/shared/cel/environment.ts";
import { dynamicEnvironment } from "./environment.ts";
import { fromCel, toCel } from "@coracle/shared/cel/values.ts";

const run = (expression: string, self: unknown = {}): unknown =>
  fromCel(compile(dynamicEnvironment(["self", "oldSelf"]), expression).run({ self: toCel(self) }));

describe("Kubernetes' functions in expressions", () => {
  test.each<[expression: string, self: unknown, result: unknown]>([
    ["self.a + 1", { a: 1 }, 2],
    ["self.a > 1", { a: 2.5 }, true],
    ["self.s.replace('a', 'b').charAt(0)", { s: "aa" }, "b"],
    ["'%s-%d %.2f %x'.format([self.s, 3, 1.5, 255])", { s: "n" }, "n-3 1.50 ff"],
    [
      "self.l.sum() == 6 && self.l.max() == 3 && self.l.min() == 1 && self.l.isSorted()",
      { l: [1, 2, 3] },
      true,
    ],
    ["self.l.indexOf(2)", { l: [1, 2, 3] }, 1],
    ["self.map(x, x.a).sum()", [{ a: 1 }, { a: 4 }], 5],
    ["'abc 123 de4'.findAll('[0-9]+')", {}, ["123", "4"]],
    ["sets.contains(self.l, [2, 1]) && !sets.intersects(self.l, [9])", { l: [1, 2, 3] }, true],
    ["quantity(self.q).isGreaterThan(quantity('900Mi'))", { q: "1Gi" }, true],
    ["quantity('1.5').add(quantity('500m')).asInteger()", {}, 2],
    ["isQuantity('1x')", {}, false],
    ["ip('10.1.2.3').family() == 4 && cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))", {}, true],
    ["string(cidr('10.1.2.3/16').masked())", {}, "10.1.0.0/16"],
    ["cidr('2001:db8::/32').containsIP('2001:db8::1') && ip('::1').isLoopback()", {}, true],
    ["isIP(self.x)", { x: "300.1.1.1" }, false],
    ["url('https://example.com:8443/a?b=c').getPort()", {}, "8443"],
    ["url('https://example.com/a?b=c&b=d').getQuery()['b']", {}, ["c", "d"]],
    ["isURL('a b')", {}, false],
    ["semver('1.10.0').isGreaterThan(semver('1.9.9')) && isSemver('v1', true)", {}, true],
    ["semver('1.0.0-rc.1').compareTo(semver('1.0.0'))", {}, -1],
    ["format.dns1123Label().validate('Bad').hasValue()", {}, true],
    ["format.named('qualifiedName').value().validate('a/b').hasValue()", {}, false],
    ["self.l.all(i, v, v == i + 1)", { l: [1, 2, 3] }, true],
    ["self.m.exists(k, v, k == 'b' && v == 2)", { m: { a: 1, b: 2 } }, true],
    ["[1, 2, 2].existsOne(x, x == 1)", {}, true],
    ["self.m.transformMap(k, v, v * 2)", { m: { a: 1, b: 2 } }, { a: 2, b: 4 }],
    ["self.l.transformList(i, v, v > 1, i)", { l: [1, 2, 3] }, [1, 2]],
    ["self.?a.optMap(x, x + 1).orValue(5)", { a: 1 }, 2],
    ["self.?b.optMap(x, x + 1).orValue(5)", { a: 1 }, 5],
    ["duration('90m').getHours() == 1 && timestamp('2024-01-01T00:00:00Z').getFullYear() == 2024", {}, true],
    ["has(self.a) && !has(self.b)", { a: null }, true],
    [
      "has(self.l[0].a) && !has(self.m['x'].b) && self.l.all(i, has(i.a))",
      { l: [{ a: 1 }], m: { x: {} } },
      true,
    ],
    ["type(self.a) == int && type(self.s) == string", { a: 1, s: "" }, true],
  ])("%s", (expression, self, result) => {
    expect(run(expression, self)).toEqual(result);
  });

  test("an error in one element does not matter when another decides", () => {
    expect(run("self.all(k, v, v.a == 1)", [{}, { a: 2 }])).toBe(false);
  });

  test("structs of mutating policies are maps", () => {
    expect(run('Object{spec: Object.spec{replicas: self.n, m: {"a": 1}}}', { n: 3 })).toEqual({
      spec: { replicas: 3, m: { a: 1 } },
    });
    expect(run('[JSONPatch{op: "add", path: "/x", value: self.Object}]', { Object: "y" })).toEqual([
      { op: "add", path: "/x", value: "y" },
    ]);
  });
});

describe("mistakes in expressions", () => {
  test("are told when they are compiled, with the place", () => {
    const failure = (expression: string): string => {
      try {
        compile(dynamicEnvironment(["self"]), expression);
        return "compiled";
      } catch (error) {
        expect(error).toBeInstanceOf(CelCompileError);
        return (error as Error).message;
      }
    };
    expect(failure("self.a == nothing")).toBe(
      "compilation failed: ERROR: <input>:1:11: undeclared reference to 'nothing' (in container '')\n | self.a == nothing\n | ..........^",
    );
    expect(failure("self.a ==")).toContain("Syntax error");
    expect(failure("self.a.frobnicate()")).toBe(
      "compilation failed: ERROR: <input>:1:18: undeclared reference to 'frobnicate' (in container '')\n | self.a.frobnicate()\n | .................^",
    );
    expect(failure("'a'.contains(1)")).toContain(
      "<input>:1:13: found no matching overload for 'contains' applied to 'string.(int)'",
    );
  });

  test("are told when they run", () => {
    expect(() => run("self.a.b", { a: {} })).toThrow("no such key: b");
  });
});

test("the variables of an expression are found", () => {
  const uses = (e: string): boolean => compile(dynamicEnvironment(["self", "oldSelf"]), e).uses("oldSelf");
  expect(uses("self.x == oldSelf.x")).toBe(true);
  expect(uses("self.all(y, y == oldSelf)")).toBe(true);
  expect(uses("self.oldSelf == 'oldSelf'")).toBe(false);
});
