import { expect, test } from "vitest";
import { ipAddresses, services } from "@coracle/shared/api/resources.ts";
import { startInProcess } from "../../testing/in-process.ts";
import type { CacheEvent } from "../../watch/cache.ts";
import { keepAddresses, type RepairAccess } from "./repair.ts";

test("an address that is deleted while a Service has it is taken again; one that a Service gave back is not", async () => {
  await using api = await startInProcess();
  const { store, cache, now } = api.registry;
  const stop = new AbortController();
  keepAddresses(
    {
      store,
      now,
      all: (resource) => cache.all(resource),
      lookup: (resource, namespace, name) => cache.get({ resource, namespace, name }),
    },
    {
      cache,
      signal: stop.signal,
      onError: (error) => {
        throw error;
      },
    },
  );
  const at = { name: "web", namespace: "default" };
  const { spec } = await api.client.create(services, { metadata: at, spec: { ports: [{ port: 80 }] } });
  const name = spec?.clusterIP ?? "";
  const uid = async (): Promise<string | undefined> =>
    (await api.client.list(ipAddresses)).items.find((ip) => ip.metadata.name === name)?.metadata.uid;
  const first = await uid();
  expect(first).toBeDefined();
  await api.client.delete(ipAddresses, { name });
  await expect.poll(uid).toMatch(/./);
  expect(await uid()).not.toBe(first);
  await api.client.delete(services, at);
  await expect.poll(uid).toBeUndefined();
  stop.abort();
});

test("objects of other kinds are not parsed to see whether they are addresses", () => {
  const listeners: ((event: CacheEvent) => void)[] = [];
  keepAddresses({} as RepairAccess, {
    cache: {
      onChange(listener) {
        listeners.push(listener);
        return () => false;
      },
    },
    signal: new AbortController().signal,
    onError: () => expect.unreachable(),
  });
  const current = {
    key: { resource: "pods", namespace: "default", name: "web" },
    revision: 7,
    get object(): never {
      throw new Error("parsed");
    },
    json: () => Buffer.from("{}"),
  };
  for (const tell of listeners) tell({ type: "DELETED", revision: 7, current });
});
