import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { describe, expect, test } from "vitest";
import { createRecords, reverseAddress, type Directory } from "./records.ts";

const service = (name: string, spec: Service["spec"]): Service => ({
  metadata: { name, namespace: "shop" },
  spec,
});
const slice = (
  owner: string,
  endpoints: EndpointSlice["endpoints"],
  ports: EndpointSlice["ports"] = [{ name: "http", protocol: "TCP", port: 8080 }],
): EndpointSlice => ({
  metadata: { name: `${owner}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": owner } },
  addressType: "IPv4",
  endpoints,
  ports,
});

const services = [
  service("web", {
    clusterIP: "10.96.3.4",
    clusterIPs: ["10.96.3.4"],
    ports: [
      { name: "http", protocol: "TCP", port: 80 },
      { name: "dns", protocol: "UDP", port: 53 },
    ],
  }),
  service("db", { clusterIP: "None", ports: [{ name: "http", port: 8080 }] }),
  service("away", { type: "ExternalName", externalName: "example.org" }),
];
const slices = [
  slice("db", [
    { addresses: ["10.244.1.2"], hostname: "db-0", conditions: { ready: true } },
    { addresses: ["10.244.2.2"], conditions: { ready: true } },
    { addresses: ["10.244.3.2"], hostname: "db-2", conditions: { ready: false } },
  ]),
];
const directory: Directory = {
  service: (ns, name) => services.find((s) => ns === "shop" && s.metadata.name === name),
  serviceByAddress: (ip) => services.find((s) => s.spec?.clusterIP === ip),
  slices: (ns, name) =>
    slices.filter((s) => ns === "shop" && s.metadata.labels?.["kubernetes.io/service-name"] === name),
  slicesByAddress: (ip) => slices.filter((s) => s.endpoints?.some((e) => e.addresses.includes(ip))),
  namespaceExists: (ns) => ns === "shop",
};
const records = createRecords(directory, "cluster.local");
const data = (name: string, type: string): unknown =>
  records.forward(`${name}.cluster.local`, type)?.answers.map((a) => a.data);

describe("services", () => {
  test("a Service has its cluster address, and no IPv6 address", () => {
    expect(data("web.shop.svc", "A")).toEqual(["10.96.3.4"]);
    expect(data("web.shop.svc", "AAAA")).toEqual([]);
  });
  test("a named port has an SRV record that points to the Service", () => {
    expect(records.forward("_http._tcp.web.shop.svc.cluster.local", "SRV")).toEqual({
      answers: [
        {
          name: "_http._tcp.web.shop.svc.cluster.local",
          type: "SRV",
          data: { priority: 0, weight: 100, port: 80, target: "web.shop.svc.cluster.local" },
        },
      ],
      additionals: [{ name: "web.shop.svc.cluster.local", type: "A", data: "10.96.3.4" }],
    });
    expect(data("_http._udp.web.shop.svc", "SRV")).toBeUndefined();
    expect(data("_nope._tcp.web.shop.svc", "SRV")).toBeUndefined();
  });
  test("a headless Service has the addresses of its ready endpoints", () => {
    expect(data("db.shop.svc", "A")).toEqual(["10.244.1.2", "10.244.2.2"]);
  });
  test("an endpoint with a host name, or its address in dashes, has a name of its own", () => {
    expect(data("db-0.db.shop.svc", "A")).toEqual(["10.244.1.2"]);
    expect(data("10-244-2-2.db.shop.svc", "A")).toEqual(["10.244.2.2"]);
    expect(data("db-2.db.shop.svc", "A")).toBeUndefined();
    expect(data("x.web.shop.svc", "A")).toBeUndefined();
  });
  test("SRV of a headless Service names each endpoint", () => {
    const found = records.forward("_http._tcp.db.shop.svc.cluster.local", "SRV");
    expect(found?.answers.map((a) => (a.type === "SRV" ? a.data.target : ""))).toEqual([
      "db-0.db.shop.svc.cluster.local",
      "10-244-2-2.db.shop.svc.cluster.local",
    ]);
    expect(found?.additionals).toHaveLength(2);
  });
  test("an ExternalName is an alias", () => {
    expect(records.forward("away.shop.svc.cluster.local", "A")?.answers).toEqual([
      { name: "away.shop.svc.cluster.local", type: "CNAME", data: "example.org" },
    ]);
  });
});

test("names between the records exist without data; unknown names do not exist", () => {
  for (const name of ["svc", "pod", "shop.svc", "_tcp.web.shop.svc"]) expect(data(name, "A")).toEqual([]);
  for (const name of ["nobody.shop.svc", "web.other.svc", "else", "a.b.c.d"])
    expect(data(name, "A")).toBeUndefined();
});

test("a pod's address is in its name", () => {
  expect(data("10-244-1-2.shop.pod", "A")).toEqual(["10.244.1.2"]);
  expect(data("10-244-1-999.shop.pod", "A")).toBeUndefined();
});

test("addresses have names", () => {
  expect(records.reverse("x", "10.96.3.4")?.answers[0]?.data).toBe("web.shop.svc.cluster.local");
  expect(records.reverse("x", "10.244.1.2")?.answers[0]?.data).toBe("db-0.db.shop.svc.cluster.local");
  expect(records.reverse("x", "10.244.2.2")).toBeUndefined();
  expect(records.reverse("x", "192.0.2.1")).toBeUndefined();
  expect(reverseAddress("4.3.96.10.in-addr.arpa")).toBe("10.96.3.4");
  expect(reverseAddress("web.shop")).toBeUndefined();
});

test("the schema's version is published", () => {
  expect(data("dns-version", "TXT")).toEqual(["1.1.0"]);
});
