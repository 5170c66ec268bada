import { expect, it, vi } from "vitest";
import { startInProcess } from "../testing/in-process.ts";

it("a change that nobody looks into is kept as text", async () => {
  await using api = await startInProcess();
  const { store, cache } = api.registry;
  const parse = vi.spyOn(JSON, "parse");
  const key = { resource: "configmaps", namespace: "default", name: "unread" };
  const body = JSON.stringify({ metadata: { name: key.name, namespace: key.namespace }, data: { a: "b" } });
  await cache.waitFor(await store.create(key, body));
  const read = parse.mock.calls.filter(([text]) => text.includes("unread"));
  parse.mockRestore();
  expect(read).toEqual([]);
  expect(cache.get(key)?.object["data"]).toEqual({ a: "b" });
});
