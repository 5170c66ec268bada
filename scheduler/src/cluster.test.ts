import { expect, test } from "vitest";
import { createCluster } from "./cluster.ts";
import { podInfo } from "./pod-info.ts";
import { makeNode, makePod } from "./testing.ts";

test("that a promised node is free again is told, unless its pod has taken it", () => {
  const freed: string[] = [];
  const cluster = createCluster(({ key }) => void freed.push(key));
  for (const name of ["a", "b"]) cluster.setNode(makeNode(name));
  const promise = (name: string) => {
    const pod = makePod(name);
    cluster.nominate(podInfo(pod), "a");
    return pod;
  };
  cluster.assume(podInfo(promise("here")), "a");
  const bound = promise("bound");
  cluster.setPod({ ...bound, spec: { containers: [], nodeName: "a" } });
  promise("again");
  promise("again");
  expect(freed).toEqual([]);

  cluster.removePod(podInfo(promise("deleted")).uid);
  cluster.clearNomination(podInfo(promise("hopeless")).uid);
  cluster.clearNomination(podInfo(makePod("hopeless")).uid);
  cluster.assume(podInfo(promise("elsewhere")), "b");
  cluster.nominate(podInfo(promise("moved")), "b");
  expect(freed).toEqual(["default/deleted", "default/hopeless", "default/elsewhere", "default/moved"]);
  expect([...cluster.nominated.keys()]).toEqual(["uid-again", "uid-moved"]);
});
