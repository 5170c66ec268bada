import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { difference, equalSets, intersection, printPaths, setOf, union, without } from "./field-set.ts";

const path = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 8 });
const print = (list: string[][]) => [...new Set(list.map((p) => `.${p.join(".")}`))].toSorted();
const printed = (set: ReturnType<typeof setOf>) => printPaths(set).toSorted();

describe("field sets", () => {
  it("behave as the sets of their paths do", () => {
    fc.assert(
      fc.property(paths, paths, (x, y) => {
        const [a, b] = [setOf(x), setOf(y)];
        const [left, right] = [print(x), print(y)];
        expect(printed(a)).toEqual(left);
        expect(printed(union(a, b))).toEqual(print([...x, ...y]));
        expect(printed(difference(a, b))).toEqual(left.filter((p) => !right.includes(p)));
        expect(printed(intersection(a, b))).toEqual(left.filter((p) => right.includes(p)));
        expect(printed(without(a, b))).toEqual(
          left.filter((p) => !right.some((r) => p === r || p.startsWith(`${r}.`))),
        );
        expect(equalSets(a, b)).toBe(left.join() === right.join());
      }),
    );
  });

  it("are the same object when nothing changes", () => {
    const a = setOf([["spec", "replicas"], ["spec"]]);
    expect(difference(a, setOf([["status"]]))).toBe(a);
    expect(union(a, setOf([["spec"]]))).toBe(a);
  });

  it("print items by their keys", () => {
    const set = {
      "f:spec": {
        "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:name": {} } },
        "f:x": { 'v:"a"': {} },
      },
    };
    expect(printPaths(set)).toEqual([
      '.spec.ports[port=80,protocol="TCP"]',
      '.spec.ports[port=80,protocol="TCP"].name',
      '.spec.x[="a"]',
    ]);
  });
});
