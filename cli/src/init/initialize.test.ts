import { X509Certificate, createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, type User } from "@nats-io/jwt";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { openAuthority, RENEW_DAYS } from "./authority.ts";
import { initialize, type InitOptions } from "./initialize.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "init-"));
});
afterEach(() => rm(dir, { recursive: true }));

const options = (more: Partial<InitOptions> = {}): InitOptions => ({
  volumes: join(dir, "volumes"),
  state: join(dir, "state"),
  cluster: "test",
  server: "https://127.0.0.1:6443",
  serverNames: ["example.internal", "192.0.2.7"],
  domain: "cluster.local",
  serviceAddress: "10.96.0.1",
  log: pino({ level: "silent" }),
  setOwners: false,
  ...more,
});
const read = (path: string): Promise<string> => readFile(join(dir, path), "utf8");
const overwrite = async (path: string, text: string): Promise<void> => {
  await chmod(join(dir, path), 0o600);
  await writeFile(join(dir, path), text);
};

describe("initialize", () => {
  test("changes nothing the second time", async () => {
    expect(await initialize(options())).not.toHaveLength(0);
    expect(await initialize(options())).toEqual([]);
  });

  test("issues a serving certificate for every name of the API server", async () => {
    await initialize(options());
    const certificate = new X509Certificate(await read("volumes/apiserver/tls.crt"));
    const ca = new X509Certificate(await read("volumes/apiserver/ca.crt"));
    expect(certificate.checkIssued(ca) && certificate.verify(ca.publicKey)).toBe(true);
    for (const name of [
      "kubernetes",
      "kubernetes.default.svc.cluster.local",
      "apiserver",
      "localhost",
      "example.internal",
    ])
      expect(certificate.checkHost(name)).toBe(name);
    for (const address of ["127.0.0.1", "10.96.0.1", "192.0.2.7"])
      expect(certificate.checkIP(address)).toBe(address);
  });

  test("issues a certificate again when its names change, and keeps the rest", async () => {
    await initialize(options());
    expect(await initialize(options({ serverNames: ["other.internal"] }))).toEqual([
      "apiserver/tls.key",
      "apiserver/tls.crt",
    ]);
  });

  test("replaces a damaged certificate and a lost one", async () => {
    await initialize(options());
    await overwrite("volumes/redis/tls.crt", "damaged");
    await rm(join(dir, "volumes/scheduler/tls.key"));
    expect((await initialize(options())).toSorted()).toEqual([
      "redis/tls.crt",
      "redis/tls.key",
      "scheduler/tls.crt",
      "scheduler/tls.key",
    ]);
  });

  test("rotates the key of Secrets in steps: a new one after the old, then before it, then alone", async () => {
    const keys = async (): Promise<{ name: string; secret: string }[]> => {
      const config = parse(await read("volumes/apiserver/encryption.yaml")) as {
        resources: { providers: { aesgcm: { keys: { name: string; secret: string }[] } }[] }[];
      };
      return config.resources[0]?.providers[0]?.aesgcm.keys ?? [];
    };
    await initialize(options());
    const [first] = await keys();
    expect(await initialize(options({ rotation: "add" }))).toEqual(["apiserver/encryption.yaml"]);
    const [still, second] = await keys();
    expect(still).toEqual(first);
    expect(second?.name).toBe("key2");
    await initialize(options());
    expect(await keys()).toEqual([first, second]);
    await initialize(options({ rotation: "promote" }));
    expect(await keys()).toEqual([second, first]);
    await initialize(options({ rotation: "drop" }));
    expect(await keys()).toEqual([second]);
  });

  test("keeps the one key of a cluster of an earlier version", async () => {
    await initialize(options());
    const before = await read("volumes/apiserver/encryption.yaml");
    const { encryptionKeys, ...rest } = JSON.parse(await read("volumes/ca/secrets.json")) as {
      encryptionKeys: { secret: string }[];
    };
    const old = { ...rest, encryptionKey: encryptionKeys[0]?.secret };
    await overwrite("volumes/ca/secrets.json", JSON.stringify(old));
    await initialize(options());
    expect(await read("volumes/apiserver/encryption.yaml")).toBe(before);
  });

  test("refuses to replace a damaged certificate authority", async () => {
    await initialize(options());
    await overwrite("volumes/ca/ca.crt", "damaged");
    await expect(initialize(options())).rejects.toThrow(/./);
  });

  test("gives the kubelets nothing but the right to introduce themselves", async () => {
    await initialize(options());
    const jwt = /^eyJ\S+$/m.exec(await read("volumes/kubelet/nats.creds"))?.[0] ?? "";
    const claims = decode<User>(jwt);
    expect(claims.name).toBe("bootstrap");
    expect(claims.nats.pub?.allow).toEqual(["bootstrap.node"]);
    expect(claims.nats.sub?.allow).toEqual(["_INBOX.bootstrap.>"]);
    expect(await read("volumes/kubelet/bootstrap-token")).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
  });

  test("tells Redis a password's hash only", async () => {
    await initialize(options());
    const password = (await read("volumes/apiserver/redis.password")).trim();
    const users = await read("volumes/redis/users.acl");
    expect(users).not.toContain(password);
    expect(users).toContain(createHash("sha256").update(password).digest("hex"));
  });

  test("writes an administrator's kubeconfig with everything in it", async () => {
    await initialize(options());
    const config = parse(await read("state/kubeconfig")) as {
      clusters: [{ cluster: { server: string } }];
      users: [{ user: Record<string, string> }];
    };
    expect(config.clusters[0].cluster.server).toBe("https://127.0.0.1:6443");
    const crt = Buffer.from(config.users[0].user["client-certificate-data"] ?? "", "base64");
    expect(new X509Certificate(crt).subject).toBe("O=system:masters\nCN=kubernetes-admin");
  });

  test("keeps the cluster's secrets when a component's volume is lost", async () => {
    await initialize(options());
    const key = await read("volumes/apiserver/sa.key");
    await rm(join(dir, "volumes/apiserver"), { recursive: true });
    await initialize(options());
    expect(await read("volumes/apiserver/sa.key")).toBe(key);
  });
});

describe("authority", () => {
  test("renews a certificate that has less than 30 days left", async () => {
    const authority = await openAuthority({});
    const request = { commonName: "x", usage: "client" } as const;
    const pair = await authority.issue(request);
    const at = async (days: number): Promise<boolean> =>
      (await openAuthority(authority, new Date(Date.now() + days * 86_400_000))).isGood(pair, request);
    expect(await at(365 - RENEW_DAYS - 1)).toBe(true);
    expect(await at(365 - RENEW_DAYS + 1)).toBe(false);
  });

  test("does not take another authority's certificate", async () => {
    const request = { commonName: "x", usage: "client" } as const;
    const foreign = await (await openAuthority({})).issue(request);
    expect(await (await openAuthority({})).isGood(foreign, request)).toBe(false);
  });
});
