import { expect, test } from "vitest";
import { columnNames, created, refusals, row } from "../kind.test-support.ts";
import { replicationControllers } from "./kind.ts";

const labels = { app: "web" };
const template = { metadata: { labels }, spec: { containers: [{ name: "app", image: "nginx:1" }] } };

test("selector and labels come from the template", () => {
  const rc = created(replicationControllers, { spec: { template } });
  expect(rc["spec"]).toMatchObject({ replicas: 1, selector: labels });
  expect(rc.metadata.labels).toEqual(labels);
  expect(refusals(replicationControllers, { spec: { template } })).toEqual([]);
});

test("it needs a selector and a template", () => {
  expect(refusals(replicationControllers, { spec: { replicas: -1 } })).toEqual([
    "spec.selector: Required value",
    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    "spec.template: Required value",
  ]);
});

test("a line", () => {
  expect(columnNames(replicationControllers)).toBe(
    "NAME DESIRED CURRENT READY AGE (CONTAINERS) (IMAGES) (SELECTOR)",
  );
  expect(row(replicationControllers, { spec: { template, replicas: 2, selector: labels } })).toMatchObject({
    DESIRED: 2,
    CURRENT: 0,
    SELECTOR: "app=web",
  });
});
