import { describe, expect, test } from "vitest";
import type { Service, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { createMemoryStore } from "../../store/memory.ts";
import type { Store } from "../../store/store.ts";
import { written } from "../../registry/storage-text.ts";
import type { CachedObject } from "../../watch/cache.ts";
import { contextFor, now } from "../arbitrary.test-support.ts";
import { allocateService, releaseService } from "./allocate.ts";
import { setServiceDefaults } from "./defaults.ts";
import { prepareServiceForCreate, prepareServiceForUpdate } from "./prepare.ts";
import { repairReservations } from "./repair.ts";
import { ipAddressResource, nodePortResource } from "./reservations.ts";

const serviceOf = (name: string, spec: ServiceSpec = {}): Service => ({
  metadata: { name, namespace: "default" },
  spec: { ports: [{ port: 80 }], ...spec },
});

/** An API server: its cache may be behind the store that it shares with others. */
function server(store: Store, overrides: Partial<WriteContext> = {}) {
  const cached = new Map<string, CachedObject>();
  const ctx = contextFor({
    store,
    lookup: (resource, namespace, name) => cached.get(`${resource}/${namespace}/${name}`),
    all: (resource) => [...cached.values()].filter((o) => o.key.resource === resource),
    ...overrides,
  });
  return {
    ctx,
    async refresh(): Promise<void> {
      cached.clear();
      for (const { key, revision, body } of (await store.snapshot()).objects)
        cached.set(`${key.resource}/${key.namespace}/${key.name}`, written(key, revision, body));
    },
    async create(service: Service): Promise<Service> {
      setServiceDefaults(service);
      prepareServiceForCreate(service);
      const allocation = await allocateService(service, undefined, ctx);
      const key = { resource: "services", namespace: "default", name: service.metadata.name ?? "" };
      if (!ctx.dryRun) await store.create(key, JSON.stringify(service));
      await allocation.commit();
      return service;
    },
    async update(old: Service, change: (service: Service) => void): Promise<Service> {
      const service = structuredClone(old);
      change(service);
      setServiceDefaults(service);
      prepareServiceForUpdate(service, old);
      await (await allocateService(service, old, ctx)).commit();
      return service;
    },
  };
}

const reserved = async (store: Store, resource: string): Promise<string[]> =>
  (await store.snapshot()).objects
    .filter((o) => o.key.resource === resource)
    .map((o) => o.key.name)
    .toSorted();

const refusal = async (attempt: Promise<unknown>): Promise<string> => {
  const error = await attempt.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApiError);
  return (error as ApiError).message;
};

describe("addresses", () => {
  test("come from the dynamic part of the range and are reserved as IPAddress objects", async () => {
    const store = createMemoryStore();
    const service = await server(store).create(serviceOf("web"));
    const ip = service.spec?.clusterIP ?? "";
    const [, , third = "0"] = ip.split(".");
    expect(ip).toMatch(/^10\.96\./);
    expect(Number(third)).toBeGreaterThanOrEqual(1);
    expect(service.spec).toMatchObject({
      clusterIPs: [ip],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
    });
    const stored = await store.get({ resource: ipAddressResource, namespace: "", name: ip });
    expect(JSON.parse(stored?.body ?? "{}")).toMatchObject({
      apiVersion: "networking.k8s.io/v1",
      kind: "IPAddress",
      metadata: { name: ip, labels: { "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" } },
      spec: { parentRef: { resource: "services", namespace: "default", name: "web" } },
    });
  });

  test("can be asked for, once", async () => {
    const store = createMemoryStore();
    const api = server(store);
    await api.create(serviceOf("dns", { clusterIP: "10.96.0.10" }));
    expect(await refusal(api.create(serviceOf("other", { clusterIP: "10.96.0.10" })))).toBe(
      'Service "other" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
  });

  test.each([
    ["192.168.1.1", "the provided network does not match the current range"],
    [
      "10.96.0.0",
      "the provided IP (10.96.0.0) is not in the valid range. The range of valid IPs is 10.96.0.0/16",
    ],
  ])("%s is refused", async (clusterIP, why) => {
    const store = createMemoryStore();
    expect(await refusal(server(store).create(serviceOf("web", { clusterIP })))).toContain(why);
    expect(await reserved(store, ipAddressResource)).toEqual([]);
  });

  test("are not given to headless and external services", async () => {
    const store = createMemoryStore();
    const api = server(store);
    await api.create(serviceOf("headless", { clusterIP: "None", selector: { app: "x" } }));
    await api.create(serviceOf("elsewhere", { type: "ExternalName", externalName: "example.com" }));
    expect(await reserved(store, ipAddressResource)).toEqual([]);
  });

  test("are never given twice, by API servers whose caches are all behind", async () => {
    const store = createMemoryStore();
    const range = {
      metadata: { name: "kubernetes" },
      spec: { cidrs: ["10.1.0.0/25"] },
    };
    await store.create(
      { resource: "servicecidrs.networking.k8s.io", namespace: "", name: "kubernetes" },
      JSON.stringify(range),
    );
    const servers = await Promise.all(
      [0, 1, 2].map(async () => {
        const api = server(store);
        await api.refresh();
        return api;
      }),
    );
    const made = await Promise.all(
      Array.from({ length: 126 }, async (_, i) => servers[i % 3]?.create(serviceOf(`s-${i}`))),
    );
    const addresses = made.map((s) => s?.spec?.clusterIP);
    expect(new Set(addresses).size).toBe(126);
    expect(addresses).not.toContain("10.1.0.0");
    expect(addresses).not.toContain("10.1.0.127");
    expect(await refusal(server(store, servers[0]?.ctx ?? {}).create(serviceOf("late")))).toContain(
      "range is full",
    );
  });
});

describe("node ports", () => {
  test("come from the dynamic part of the range; one number serves TCP and UDP of a port", async () => {
    const store = createMemoryStore();
    const ports = [
      { name: "tcp", port: 53, protocol: "TCP" },
      { name: "udp", port: 53, protocol: "UDP" },
    ];
    const service = await server(store).create(serviceOf("dns", { type: "NodePort", ports }));
    const [tcp, udp] = service.spec?.ports ?? [];
    expect(tcp?.nodePort).toBe(udp?.nodePort);
    expect(tcp?.nodePort).toBeGreaterThanOrEqual(30_086);
    expect(await reserved(store, nodePortResource)).toEqual([String(tcp?.nodePort)]);
  });

  test("that are taken or out of range are refused, and nothing stays reserved", async () => {
    const store = createMemoryStore();
    const api = server(store);
    await api.create(serviceOf("a", { type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] }));
    const ports = [
      { name: "a", port: 80, nodePort: 30_080 },
      { name: "b", port: 81, nodePort: 80 },
      { name: "c", port: 82, nodePort: 30_090 },
    ];
    const message = await refusal(api.create(serviceOf("b", { type: "NodePort", ports })));
    expect(message).toContain(
      "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
    );
    expect(message).toContain(
      "spec.ports[1].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
    );
    expect(await reserved(store, nodePortResource)).toEqual(["30080"]);
    expect(await reserved(store, ipAddressResource)).toHaveLength(1);
  });

  test("are kept by an update that leaves them out, and given back with the type", async () => {
    const store = createMemoryStore();
    const api = server(store);
    const before = await api.create(serviceOf("web", { type: "NodePort" }));
    const kept = await api.update(before, (s) => {
      for (const port of s.spec?.ports ?? []) delete port.nodePort;
      delete s.spec?.clusterIP;
      delete s.spec?.clusterIPs;
    });
    expect(kept.spec?.ports).toEqual(before.spec?.ports);
    expect(kept.spec?.clusterIP).toBe(before.spec?.clusterIP);
    const plain = await api.update(kept, (s) => {
      if (s.spec) s.spec.type = "ClusterIP";
    });
    expect(plain.spec?.ports?.[0]).not.toHaveProperty("nodePort");
    expect(plain.spec).not.toHaveProperty("externalTrafficPolicy");
    expect(await reserved(store, nodePortResource)).toEqual([]);
    const external = await api.update(plain, (s) => {
      if (s.spec) Object.assign(s.spec, { type: "ExternalName", externalName: "example.com" });
    });
    expect(external.spec).not.toHaveProperty("clusterIP");
    expect(await reserved(store, ipAddressResource)).toEqual([]);
  });

  test("of a Service that becomes a name elsewhere go, whether or not the client takes its address away", async () => {
    const store = createMemoryStore();
    const api = server(store);
    for (const name of ["kept", "cleared"]) {
      const external = await api.update(await api.create(serviceOf(name, { type: "NodePort" })), (s) => {
        if (s.spec) Object.assign(s.spec, { type: "ExternalName", externalName: "example.com" });
        if (s.spec && name === "cleared") Object.assign(s.spec, { clusterIP: "", clusterIPs: undefined });
      });
      expect(external.spec?.clusterIP ?? "").toBe("");
      for (const field of ["clusterIPs", "ipFamilies", "ipFamilyPolicy"])
        expect(external.spec?.[field as keyof typeof external.spec]).toBeUndefined();
    }
    expect(await reserved(store, ipAddressResource)).toEqual([]);
    expect(await reserved(store, nodePortResource)).toEqual([]);
  });

  test("and what a load balancer did goes when a Service is none any more", async () => {
    const api = server(createMemoryStore());
    const before = await api.create(serviceOf("web", { type: "LoadBalancer" }));
    before.status = { loadBalancer: { ingress: [{ ip: "192.0.2.7" }] }, conditions: [] };
    const plain = await api.update(before, (s) => {
      if (s.spec) s.spec.type = "ClusterIP";
    });
    expect(plain.status).toEqual({ loadBalancer: {}, conditions: [] });
  });

  test("serve health checks of load balancers with local traffic", async () => {
    const store = createMemoryStore();
    const service = await server(store).create(
      serviceOf("lb", { type: "LoadBalancer", externalTrafficPolicy: "Local" }),
    );
    expect(service.spec?.healthCheckNodePort).toBeGreaterThanOrEqual(30_000);
    expect(await reserved(store, nodePortResource)).toHaveLength(2);
  });
});

test("a dry run chooses but reserves nothing", async () => {
  const store = createMemoryStore();
  const service = await server(store, { dryRun: true }).create(serviceOf("web", { type: "NodePort" }));
  expect(service.spec?.clusterIP).toMatch(/^10\.96\./);
  expect((await store.snapshot()).objects).toEqual([]);
});

test("a deleted service gives everything back, and only what is its own", async () => {
  const store = createMemoryStore();
  const api = server(store);
  const service = await api.create(serviceOf("web", { type: "NodePort" }));
  const thief = { ...structuredClone(service), metadata: { name: "thief", namespace: "default" } };
  await releaseService(thief, api.ctx);
  expect(await reserved(store, ipAddressResource)).toHaveLength(1);
  await releaseService(service, api.ctx);
  expect(await reserved(store, ipAddressResource)).toEqual([]);
  expect(await reserved(store, nodePortResource)).toEqual([]);
});

describe("a reservation whose API server was killed", () => {
  const later = { now: () => new Date(now.getTime() + 120_000) };
  const leak = async (store: Store): Promise<void> => {
    const service = serviceOf("lost", { clusterIP: "10.96.0.77" });
    setServiceDefaults(service);
    prepareServiceForCreate(service);
    await allocateService(service, undefined, contextFor({ store }));
  };

  test("is taken over by who asks for it, once it is old", async () => {
    const store = createMemoryStore();
    await leak(store);
    expect(await refusal(server(store).create(serviceOf("web", { clusterIP: "10.96.0.77" })))).toContain(
      "allocated",
    );
    const service = await server(store, later).create(serviceOf("web", { clusterIP: "10.96.0.77" }));
    expect(service.spec?.clusterIP).toBe("10.96.0.77");
  });

  test("is removed by the repair, which also makes what is missing", async () => {
    const store = createMemoryStore();
    await leak(store);
    const api = server(store, later);
    const web = await api.create(serviceOf("web", { type: "NodePort" }));
    const port = String(web.spec?.ports?.[0]?.nodePort);
    await releaseService(web, api.ctx);
    await api.refresh();
    await repairReservations(api.ctx);
    expect(await reserved(store, ipAddressResource)).toEqual([web.spec?.clusterIP]);
    expect(await reserved(store, nodePortResource)).toEqual([port]);
  });
});
