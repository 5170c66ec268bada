import { expect, test } from "vitest";
import { otherHomes } from "./down.ts";

test("a cluster is another checkout's when none of its containers was started from here", () => {
  expect(otherHomes("/src/coracle\n/src/coracle\n", "/src/coracle")).toEqual([]);
  expect(otherHomes("", "/src/coracle")).toEqual([]);
  expect(otherHomes("/src/other\n/src/other\n", "/src/coracle")).toEqual(["/src/other"]);
  expect(otherHomes("/src/other\n/src/coracle\n", "/src/coracle")).toEqual([]);
});
