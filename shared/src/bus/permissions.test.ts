import { expect, it } from "vitest";
import { permissionsFor } from "./permissions.ts";
import {
  apiSubject,
  escapeToken,
  feedSubject,
  nodeIdentity,
  nodeSubject,
  sessionDownSubject,
  sessionUpSubject,
  shardOfSubject,
  splitStorageName,
  unescapeToken,
} from "./subjects.ts";

/** As the broker matches. */
const covers = (pattern: string, subject: string): boolean => {
  const [p, s] = [pattern.split("."), subject.split(".")];
  return (
    p.every((t, i) => (t === ">" ? s.length > i : s[i] !== undefined && (t === "*" || t === s[i]))) &&
    (p.at(-1) === ">" || p.length === s.length)
  );
};
const may = (identity: string, act: "publish" | "subscribe", subject: string): boolean =>
  permissionsFor(identity)[act].some((pattern) => covers(pattern, subject));

it("lets a node speak for itself and hear of itself alone", () => {
  const me = nodeIdentity("n.1");
  const pod = (shard: string) => feedSubject({ group: "", resource: "pods", shard }, "default", "p");
  const other = (resource: string) => feedSubject({ group: "", resource, shard: "" }, "default", "p");
  expect({
    ownRequests: may(me, "publish", apiSubject(me)),
    othersRequests: may(me, "publish", apiSubject("scheduler")),
    ownStreams: may(me, "publish", sessionDownSubject(escapeToken("n.1"), "x")),
    othersStreams: may(me, "publish", sessionDownSubject("n2", "x")),
    ownSessions: may(me, "subscribe", sessionUpSubject(escapeToken("n.1"), "x")),
    ownCalls: may(me, "subscribe", nodeSubject("n.1", "exec")),
    othersCalls: may(me, "subscribe", nodeSubject("n.2", "exec")),
    ownPods: may(me, "subscribe", pod("n.1")),
    othersPods: may(me, "subscribe", pod("n.2")),
    unboundPods: may(me, "subscribe", pod("")),
    services: may(me, "subscribe", other("services")),
    volumes: may(me, "subscribe", other("persistentvolumes")),
    publishing: may(me, "publish", pod("n.1")),
    answering: may(me, "publish", "_INBOX.scheduler.x"),
  }).toEqual({
    ownRequests: true,
    othersRequests: false,
    ownStreams: true,
    othersStreams: false,
    ownSessions: true,
    ownCalls: true,
    othersCalls: false,
    ownPods: true,
    othersPods: false,
    unboundPods: false,
    services: true,
    volumes: false,
    publishing: false,
    answering: false,
  });
});

it("gives a newcomer nothing but the one request, and a stranger nothing at all", () => {
  expect(permissionsFor("bootstrap")).toEqual({
    publish: ["bootstrap.node"],
    subscribe: ["_INBOX.bootstrap.>"],
  });
  for (const identity of ["", "node_", "admin", "apiserver2", "constructor"])
    expect(() => permissionsFor(identity)).toThrow(/no bus permissions/);
});

it("cannot be fooled by names that look like subjects", () => {
  for (const name of ["a.b", "*", ">", "a b", "%2E", "_x", "é", "a\nb"]) {
    expect(escapeToken(name)).toMatch(/^[^.*>\s]+$/);
    expect(unescapeToken(escapeToken(name))).toBe(name);
  }
  const subject = feedSubject({ group: "apps", resource: "deployments", shard: "" }, "", "a.b");
  expect([subject, shardOfSubject(subject)]).toEqual(["feed.apps.deployments._._.a%2Eb", ""]);
  expect(splitStorageName("roles.rbac.authorization.k8s.io")).toEqual({
    group: "rbac.authorization.k8s.io",
    resource: "roles",
  });
});
