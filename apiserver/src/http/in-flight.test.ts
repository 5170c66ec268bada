import { expect, test } from "vitest";
import type { RequestInfo, UserInfo } from "../request.ts";
import { createInFlight } from "./in-flight.ts";

const info = (verb: string, subresource = ""): RequestInfo => ({
  isResource: true,
  verb,
  path: "",
  group: "",
  version: "v1",
  resource: "pods",
  subresource,
  namespace: "",
  name: "",
});
const user = (username: string, ...groups: string[]): UserInfo => ({ username, groups });
const limits = { reads: 4, writes: 2, perIdentity: 0.5 };

test("one identity may take its share, and gets it back when it is done", () => {
  const gate = createInFlight(limits);
  const leave = gate.enter(user("a"), info("create"));
  expect(() => gate.enter(user("a"), info("update"))).toThrow("too many requests");
  leave();
  expect(() => gate.enter(user("a"), info("update"))).not.toThrow();
});

test("all together are bounded too, reads and writes apart", () => {
  const gate = createInFlight(limits);
  for (const name of ["a", "b"]) gate.enter(user(name), info("create"));
  try {
    gate.enter(user("c"), info("patch"));
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({
      status: { code: 429, reason: "TooManyRequests", details: { retryAfterSeconds: 1 } },
    });
  }
  expect(() => gate.enter(user("c"), info("get"))).not.toThrow();
});

test("streams and the cluster's owner are not held up", () => {
  const gate = createInFlight({ reads: 0, writes: 0, perIdentity: 1 });
  for (const [verb, subresource] of [
    ["watch", ""],
    ["get", "log"],
    ["create", "exec"],
  ] as const) {
    expect(() => gate.enter(user("a"), info(verb, subresource))).not.toThrow();
  }
  for (let i = 0; i < 5; i++) {
    expect(() => gate.enter(user("admin", "system:masters"), info("create"))).not.toThrow();
  }
});
