import fc from "fast-check";
import { expect, it } from "vitest";
import { build, get, range, rank, remove, set, sizeOf, type Root, type Tree } from "./tree.ts";

const key = fc.integer({ min: 0, max: 300 }).map((n) => `k${n}`);
const operation = fc.record({ key, value: fc.option(fc.integer(), { nil: undefined }) });

function assertBalanced(tree: Root<number>): number {
  if (!tree) return 0;
  const left = assertBalanced(tree.left);
  const right = assertBalanced(tree.right);
  expect(tree.size).toBe(left + right + 1);
  expect(left + 1 <= 3 * (right + 1) && right + 1 <= 3 * (left + 1)).toBe(true);
  return tree.size;
}

it("is a sorted map, balanced, whose earlier states stay as they were", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400 }), key, key, (operations, low, high) => {
      const model = new Map<string, number>();
      let tree: Root<number>;
      const states: [Root<number>, [string, number][]][] = [];
      for (const { key: k, value } of operations) {
        if (value === undefined) {
          tree = remove(tree, k);
          model.delete(k);
        } else {
          tree = set(tree, k, value);
          model.set(k, value);
        }
        if (states.length % 50 === 0) states.push([tree, sorted(model)]);
        expect(get(tree, k)).toBe(value);
      }
      states.push([tree, sorted(model)]);
      assertBalanced(tree);
      for (const [root, entries] of states) {
        expect([...range(root)]).toEqual(sorted(new Map(entries)).map(([, v]) => v));
      }
      const within = sorted(model).filter(([k]) => k >= low && k < high);
      expect([...range(tree, low, high)]).toEqual(within.map(([, v]) => v));
      expect(rank(tree, low)).toBe(sorted(model).filter(([k]) => k < low).length);
      expect(sizeOf(tree)).toBe(model.size);
    }),
    { numRuns: 60 },
  );
});

it("is built balanced from sorted entries", () => {
  const entries = Array.from({ length: 1000 }, (_, i) => [String(i).padStart(4, "0"), i] as const);
  const tree = build(entries);
  assertBalanced(tree);
  expect([...range(tree)]).toEqual(entries.map(([, v]) => v));
  expect((tree as Tree<number>).size).toBe(1000);
});

const sorted = (model: Map<string, number>): [string, number][] =>
  [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
