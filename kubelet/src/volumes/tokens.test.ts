import type { Client } from "@coracle/shared/client/client.ts";
import { expect, test } from "vitest";
import { createTokenSource } from "./tokens.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const pod = { metadata: { name: "p", namespace: "n", uid: "u" }, spec: { containers: [] } };

/** Answers a numbered token for as long as it was asked for. */
function setUp() {
  const state = { now: 0, asked: 0, down: false };
  const client = {
    createSubresource: async (_r: unknown, _at: unknown, _sub: string, { spec }: { spec: object }) => {
      if (state.down) throw new Error("no API");
      state.asked += 1;
      return { spec, status: { token: `token-${state.asked}` } };
    },
  } as unknown as Client;
  const source = createTokenSource(client, () => state.now, DAY);
  const token = (expirationSeconds: number) => source.token(pod, { audience: "", expirationSeconds });
  return { state, source, token };
}

test("a token is renewed at 80 % of its life, and a long one after a day", async () => {
  const { state, source, token } = setUp();
  expect(await token(600)).toBe("token-1");
  expect(source.renewAt("u")).toBe(480_000);
  state.now = 479_000;
  expect(await token(600)).toBe("token-1");
  state.now = 480_000;
  expect(await token(600)).toBe("token-2");
  source.forget("u");
  await token(7 * 86_400);
  expect(source.renewAt("u")).toBe(480_000 + DAY);
});

test("a token that cannot be renewed is kept while it is good, and asked for again", async () => {
  const { state, source, token } = setUp();
  await token(600);
  state.now = 480_000;
  state.down = true;
  expect(await token(600)).toBe("token-1");
  expect(source.renewAt("u")).toBe(510_000);
  state.now = 600_000;
  await expect(token(600)).rejects.toThrow("no API");
  state.down = false;
  expect(await token(600)).toBe("token-2");
});
