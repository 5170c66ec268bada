import { expect, test } from "vitest";
import { parseJsonPath } from "./jsonpath.ts";

const object = {
  spec: { replicas: 2, "a.b": "dotted", list: [{ n: 1 }, { n: 2 }] },
  metadata: { labels: { "app.kubernetes.io/name": "web" } },
  status: {
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Done", status: "False" },
    ],
  },
};

test.each<[path: string, found: unknown[]]>([
  [".spec.replicas", [2]],
  ["{.spec.replicas}", [2]],
  ["spec.replicas", [2]],
  [".spec.nothing", []],
  [".spec['a.b']", ["dotted"]],
  [".metadata.labels.app\\.kubernetes\\.io/name", ["web"]],
  [".spec.list[*].n", [1, 2]],
  [".spec.list[-1].n", [2]],
  [".spec.list[0:1]", [{ n: 1 }]],
  ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
  [".status.conditions[?(@.type != 'Ready')].status", ["False"]],
  [".spec.list[?(@.n > 1)].n", [2]],
  ["..n", [1, 2]],
])("%s", (path, found) => {
  expect(parseJsonPath(path).find(object)).toEqual(found);
});

test("what is no path is refused", () => {
  expect(() => parseJsonPath(".spec[")).toThrow("unrecognized character");
});
