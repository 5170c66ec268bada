import { beforeEach, describe, expect, it } from "vitest";
import { parseEncryptionConfig, type EncryptionRule } from "./encryption-config.ts";
import { createEncryptedStore } from "./encryption.ts";
import { createMemoryStore } from "./memory.ts";
import { describeStore } from "./store.contract.ts";
import type { Store } from "./store.ts";

const secretOf = (fill: number) => Buffer.alloc(32, fill).toString("base64");
const config = (...providers: string[]): EncryptionRule[] =>
  parseEncryptionConfig(
    `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets, "*.example.com"]
  providers: [${providers.join(", ")}]
`,
  );
const gcm = (...keys: [string, number][]) =>
  `{aesgcm: {keys: [${keys.map(([n, f]) => `{name: ${n}, secret: "${secretOf(f)}"}`).join(", ")}]}}`;

describeStore("memory, everything encrypted", async () =>
  createEncryptedStore(createMemoryStore(), [
    {
      resources: ["*.", "*.*"],
      providers: [{ type: "aesgcm", keys: [{ name: "k", secret: Buffer.alloc(32, 1) }] }],
    },
  ]),
);

describe("encryption at rest", () => {
  let inner: Store;
  const key = { resource: "secrets", namespace: "default", name: "db" };
  const body = '{"data":{"password":"aHVudGVyMg=="}}';
  const raw = async (): Promise<string> => (await inner.get(key))?.body ?? "";
  beforeEach(() => {
    inner = createMemoryStore();
  });

  it("keeps a Secret's content out of the store, its change log and its snapshot", async () => {
    const store = createEncryptedStore(inner, config(gcm(["k1", 1]), "{identity: {}}"));
    const revision = await store.create(key, body);
    await store.update(key, body, revision);
    const seen = [await raw(), ...(await inner.snapshot()).objects.map((o) => o.body)];
    for await (const batch of inner.changes(1, AbortSignal.timeout(1000))) {
      seen.push(...batch.map((c) => c.body));
      break;
    }
    expect(seen).toHaveLength(4);
    for (const text of seen) {
      expect(text).toMatch(/^k8s:enc:aesgcm:v1:k1:/);
      expect(Buffer.from(text.slice(21), "base64").toString("latin1")).not.toContain("password");
    }
    expect((await store.get(key))?.body).toBe(body);
  });

  it("leaves other resources as they are", async () => {
    const store = createEncryptedStore(inner, config(gcm(["k1", 1])));
    const pod = { resource: "pods", namespace: "default", name: "p" };
    await store.create(pod, "{}");
    expect((await inner.get(pod))?.body).toBe("{}");
    const custom = { resource: "keys.example.com", namespace: "default", name: "p" };
    await store.create(custom, "{}");
    expect((await inner.get(custom))?.body).not.toBe("{}");
  });

  it("refuses a body that was changed or moved to another object", async () => {
    const store = createEncryptedStore(inner, config(gcm(["k1", 1])));
    await store.create(key, body);
    const text = await raw();
    await inner.create({ ...key, name: "moved" }, text);
    await inner.create({ ...key, name: "changed" }, `${text.slice(0, -8)}AAAA${text.slice(-4)}`);
    await expect(store.get({ ...key, name: "moved" })).rejects.toThrow("cannot be decrypted");
    await expect(store.get({ ...key, name: "changed" })).rejects.toThrow("cannot be decrypted");
  });

  it("rotates keys: the old one reads, the new one writes, and rewriting finishes it", async () => {
    await inner.create({ ...key, name: "plain" }, body);
    await createEncryptedStore(inner, config(gcm(["k1", 1]), "{identity: {}}")).create(key, body);
    const both = config(gcm(["k2", 2], ["k1", 1]), "{identity: {}}");
    const store = createEncryptedStore(inner, both);
    expect((await store.get(key))?.body).toBe(body);
    const { signal } = new AbortController();
    await store.snapshot();
    expect(await store.reencrypt(signal)).toBe(2);
    expect(await raw()).toMatch(/^k8s:enc:aesgcm:v1:k2:/);
    const after = createEncryptedStore(inner, config(gcm(["k2", 2])));
    expect((await after.snapshot()).objects.map((o) => o.body)).toEqual([body, body]);
    await store.snapshot();
    expect(await store.reencrypt(signal)).toBe(0);
  });

  it("leaves to others what they have written meanwhile", async () => {
    const old = createEncryptedStore(inner, config(gcm(["k1", 1])));
    const revision = await old.create(key, body);
    await old.create({ ...key, name: "gone" }, body);
    const store = createEncryptedStore(inner, config(gcm(["k2", 2], ["k1", 1])));
    await store.snapshot();
    await store.update(key, '{"data":{}}', revision);
    const gone = await inner.get({ ...key, name: "gone" });
    await inner.delete({ ...key, name: "gone" }, "{}", gone?.revision ?? 0);
    expect(await store.reencrypt(new AbortController().signal)).toBe(0);
    expect((await store.get(key))?.body).toBe('{"data":{}}');
  });

  it("says which key is missing", async () => {
    await createEncryptedStore(inner, config(gcm(["k1", 1]))).create(key, body);
    await expect(createEncryptedStore(inner, config(gcm(["k2", 2]))).get(key)).rejects.toThrow(
      'no key named "k1" to decrypt secrets/default/db',
    );
  });

  it("says where a configuration is wrong, and never quotes it", () => {
    expect(() => config("{aescbc: {keys: []}}")).toThrow("providers[0] is not supported");
    expect(() => config('{aesgcm: {keys: [{name: a, secret: "c2hvcnQ="}]}}')).toThrow(
      "resources[0].providers[0].aesgcm.keys[0].secret must be 16, 24 or 32 bytes",
    );
    expect(() => parseEncryptionConfig("{a: c2VjcmV0")).toThrow(
      /^encryption configuration: the file is not YAML$/,
    );
    expect(() => parseEncryptionConfig("kind: Pod")).toThrow("kind must be EncryptionConfiguration");
  });
});
