import { permissionsFor } from "@coracle/shared/bus/permissions.ts";
import { decode, type User } from "@nats-io/jwt";
import { createAccount, createUser } from "@nats-io/nkeys";
import { expect, it } from "vitest";
import { createNodeCredentials } from "./node-credentials.ts";

const signing = createAccount();
const account = createAccount().getPublicKey();
const user = createUser().getPublicKey();
const now = new Date("2026-11-23T00:00:00Z");
const mint = createNodeCredentials({
  tokens: { verify: async (token) => (token === "good" ? { username: "b", groups: [] } : undefined) },
  signingSeed: `${Buffer.from(signing.getSeed()).toString()}\n`,
  accountPublicKey: `${account}\n`,
  now: () => now,
});

it("gives a node the permissions of its identity, for a day, and never sees its seed", async () => {
  const { jwt, expires } = await mint({ token: "good", node: "node-1", nkey: user });
  const claims = decode<User>(jwt);
  expect([claims.name, claims.sub, claims.iss]).toEqual(["node_node-1", user, signing.getPublicKey()]);
  expect(claims.nats.issuer_account).toBe(account);
  expect(claims.nats.pub?.allow).toEqual(permissionsFor("node_node-1").publish);
  expect(claims.nats.sub?.allow).toEqual(permissionsFor("node_node-1").subscribe);
  expect([expires, claims.exp]).toEqual([
    "2026-11-24T00:00:00.000Z",
    Date.parse("2026-11-24T00:00:00Z") / 1000,
  ]);
});

it("refuses a bad token, a name no node can have and a key that is no user's", async () => {
  const code = (request: object) =>
    mint({ token: "good", node: "n", nkey: user, ...request }).then(
      () => 0,
      (e: { code: number }) => e.code,
    );
  expect(await code({ token: "bad" })).toBe(401);
  for (const node of ["", "a.*", "A", "a b", "x".repeat(254), undefined])
    expect(await code({ node })).toBe(400);
  for (const nkey of ["", "U", signing.getPublicKey(), 7]) expect(await code({ nkey })).toBe(400);
});
