import type { Service, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { Endpoint, EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { transaction } from "./backends/nftables.ts";
import { selectTargets } from "./endpoints.ts";
import { emptyFragment, fragmentFor, type Fragment } from "./rules.ts";

const node = { name: "node-1", zone: "" };
const options = { node, podCidr: "10.244.0.0/16" };
const service = (spec: Partial<ServiceSpec>, name = "web"): Service => ({
  metadata: { name, namespace: "shop" },
  spec: {
    clusterIP: "10.96.0.7",
    clusterIPs: ["10.96.0.7"],
    ports: [{ name: "http", protocol: "TCP", port: 80 }],
    ...spec,
  },
});
const slice = (endpoints: Endpoint[]): EndpointSlice => ({
  metadata: { name: "s" },
  addressType: "IPv4",
  endpoints,
  ports: [{ name: "http", protocol: "TCP", port: 8080 }],
});
const endpoint = (
  address: string,
  nodeName: string,
  conditions: Endpoint["conditions"] = { ready: true },
): Endpoint => ({ addresses: [address], nodeName, conditions });
const two = [slice([endpoint("10.244.1.2", "node-1"), endpoint("10.244.2.2", "node-2")])];
const text = (f: Fragment): string =>
  [...f.chains].map(([name, rules]) => `${name.replace(/[0-9a-f]{8}/, "#")}: ${rules.join("; ")}`).join("\n");

describe("endpoints", () => {
  const port = { name: "http", protocol: "TCP", port: 80 };
  const addresses = (endpoints: Endpoint[]): string[] =>
    selectTargets(port, [slice(endpoints)], node).cluster.map((t) => t.address);
  test("only ready ones are used", () => {
    expect(
      addresses([endpoint("10.244.1.2", "node-1"), endpoint("10.244.1.3", "node-1", { ready: false })]),
    ).toEqual(["10.244.1.2"]);
  });
  test("when none is ready, those that serve while they terminate are", () => {
    expect(
      addresses([
        endpoint("10.244.1.2", "node-1", { ready: false, serving: true, terminating: true }),
        endpoint("10.244.1.3", "node-1", { ready: false, serving: false, terminating: true }),
      ]),
    ).toEqual(["10.244.1.2"]);
  });
  test("a port is matched by name and protocol", () => {
    expect(selectTargets({ ...port, name: "other" }, two, node).cluster).toEqual([]);
  });
  test("node hints keep traffic on the node when every endpoint has one", () => {
    const hinted = (address: string, name: string): Endpoint => ({
      ...endpoint(address, name),
      hints: { forNodes: [{ name }] },
    });
    expect(addresses([hinted("10.244.1.2", "node-1"), hinted("10.244.2.2", "node-2")])).toEqual([
      "10.244.1.2",
    ]);
    expect(addresses([hinted("10.244.1.2", "node-1"), endpoint("10.244.2.2", "node-2")])).toHaveLength(2);
  });
});

describe("rules of a Service", () => {
  test("the cluster address goes to one endpoint at random", () => {
    const f = fragmentFor(service({}), two, options);
    expect([...f.services.keys()]).toEqual(["10.96.0.7 . tcp . 80"]);
    expect(text(f)).toContain(
      "dnat ip to numgen random mod 2 map { 0 : 10.244.1.2 . 8080, 1 : 10.244.2.2 . 8080 }",
    );
  });
  test("without endpoints it is refused", () => {
    expect(text(fragmentFor(service({}), [], options))).toBe("svc-#/shop/web/tcp/http: goto refuse");
  });
  test("headless and external names have none", () => {
    expect(fragmentFor(service({ clusterIP: "None" }), two, options)).toBe(emptyFragment);
    expect(fragmentFor(service({ type: "ExternalName", clusterIP: undefined }), two, options)).toBe(
      emptyFragment,
    );
  });
  test("a node port masquerades, since the answer must come back through this node", () => {
    const f = fragmentFor(
      service({ type: "NodePort", ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }] }),
      two,
      options,
    );
    expect([...f.nodePorts]).toEqual([["tcp . 30080", expect.stringContaining("goto ext-")]]);
    expect(text(f)).toMatch(/ext-.*: meta mark set meta mark \| 0x4000; meta l4proto tcp dnat/);
  });
  test("externalTrafficPolicy Local keeps the client's address and uses endpoints here only", () => {
    const f = fragmentFor(
      service({
        type: "NodePort",
        externalTrafficPolicy: "Local",
        ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }],
      }),
      two,
      options,
    );
    expect(text(f)).toMatch(
      /loc-.*: meta l4proto tcp dnat ip to numgen random mod 1 map \{ 0 : 10.244.1.2 . 8080 \}/,
    );
  });
  test("and drops what has no endpoint here", () => {
    const away = [slice([endpoint("10.244.2.2", "node-2")])];
    const f = fragmentFor(
      service({
        type: "NodePort",
        externalTrafficPolicy: "Local",
        ports: [{ name: "http", port: 80, nodePort: 30080 }],
      }),
      away,
      options,
    );
    expect(text(f)).toMatch(/ext-.*goto discard/);
  });
  test("internalTrafficPolicy Local uses endpoints of this node only", () => {
    expect(text(fragmentFor(service({ internalTrafficPolicy: "Local" }), two, options))).not.toContain(
      "10.244.2.2",
    );
  });
  test("and drops what has no endpoint here, unless there is none at all", () => {
    const away = [slice([endpoint("10.244.2.2", "node-2")])];
    const local = service({ internalTrafficPolicy: "Local" });
    expect(text(fragmentFor(local, away, options))).toBe("svc-#/shop/web/tcp/http: goto discard");
    expect(text(fragmentFor(local, [], options))).toBe("svc-#/shop/web/tcp/http: goto refuse");
  });
  test("one that a label leaves to somebody else has none", () => {
    for (const label of ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"]) {
      const { metadata, ...rest } = service({});
      const left = { ...rest, metadata: { ...metadata, labels: { [label]: "" } } };
      expect(fragmentFor(left, two, options)).toBe(emptyFragment);
    }
  });
  test("a load balancer's address is served to its source ranges only, its node port and cluster address to all", () => {
    const f = fragmentFor(
      {
        ...service({
          type: "LoadBalancer",
          loadBalancerSourceRanges: ["192.0.2.0/24", " 198.51.100.7/32"],
          ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }],
        }),
        status: {
          loadBalancer: { ingress: [{ ip: "203.0.113.9" }, { ip: "203.0.113.10", ipMode: "Proxy" }] },
        },
      },
      two,
      options,
    );
    expect([...f.services.keys()]).toEqual(["10.96.0.7 . tcp . 80", "203.0.113.9 . tcp . 80"]);
    expect([...f.firewalls.keys()]).toEqual(["203.0.113.9 . tcp . 80"]);
    expect(text(f)).toContain(
      "fw-#/shop/web/tcp/http: ip saddr 192.0.2.0/24 return; ip saddr 198.51.100.7/32 return; ip saddr 203.0.113.9 return; drop",
    );
  });
  test("session affinity sends a client back to where it was", () => {
    const f = fragmentFor(
      service({ sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
      two,
      options,
    );
    expect(f.sets.size).toBe(2);
    expect([...f.sets.values()][0]).toContain("timeout 60s");
    expect(text(f)).toMatch(/ip saddr @aff-60s-\S+ goto ep-/);
  });
});

/** Plays nft's part: which names and elements exist after a transaction; a wrong order or reference throws. */
function play(
  state: { chains: Set<string>; sets: Set<string>; elements: Map<string, string> },
  commands: readonly string[],
): void {
  for (const line of commands) {
    const [verb, what, , , name = ""] = line.split(" ");
    const element = /\{ (.*?)(?: : goto (\S+))? \}$/.exec(line);
    const key = `${name} ${element?.[1]}`;
    if (what === "chain") {
      if (verb === "add") state.chains.add(name);
      else if (!state.chains.has(name)) throw new Error(`no chain: ${line}`);
      if (verb === "delete") {
        if ([...state.elements.values()].includes(name)) throw new Error(`in use: ${line}`);
        state.chains.delete(name);
      }
    } else if (what === "set" && verb === "add") state.sets.add(name);
    else if (what === "set" && !state.sets.delete(name)) throw new Error(`no set: ${line}`);
    else if (what === "element" && verb === "delete" && !state.elements.delete(key))
      throw new Error(`no element: ${line}`);
    else if (what === "element" && verb === "add") {
      if (state.elements.has(key)) throw new Error(`element exists: ${line}`);
      state.elements.set(key, element?.[2] ?? "");
    }
  }
}

const anyFragment = fc
  .record({
    affinity: fc.boolean(),
    nodePort: fc.option(fc.integer({ min: 30000, max: 30003 }), { nil: undefined }),
    ports: fc.uniqueArray(fc.integer({ min: 80, max: 84 }), { minLength: 1, maxLength: 3 }),
    local: fc.boolean(),
    endpoints: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }),
  })
  .map(({ affinity, nodePort, ports, local, endpoints }) =>
    fragmentFor(
      service({
        sessionAffinity: affinity ? "ClientIP" : "None",
        type: nodePort ? "NodePort" : "ClusterIP",
        externalTrafficPolicy: local ? "Local" : "Cluster",
        ports: ports.map((p, i) => ({
          name: "http",
          protocol: "TCP",
          port: p,
          nodePort: nodePort && nodePort + i,
        })),
      }),
      [slice(endpoints.map((e) => endpoint(`10.244.1.${e}`, e % 2 ? "node-1" : "node-2")))],
      options,
    ),
  );

test.each(["Cluster", "Local"])(
  "an address of any kind that leads to no endpoint is refused in the filter chains (%s)",
  (policy) => {
    const spec = { externalIPs: ["192.0.2.7"], externalTrafficPolicy: policy };
    const none = fragmentFor(service(spec), [], options);
    const commands = transaction([{ before: emptyFragment, after: none }]).filter((c) =>
      c.includes("refused"),
    );
    expect(commands.map((c) => /\{ (.*) \}/.exec(c)?.[1])).toEqual([
      "10.96.0.7 . tcp . 80 : goto say-no",
      "192.0.2.7 . tcp . 80 : goto say-no",
    ]);
  },
);

test("any sequence of updates leaves what the last state alone would make, and never breaks a reference", () => {
  fc.assert(
    fc.property(fc.array(anyFragment, { minLength: 1, maxLength: 6 }), (states) => {
      const walked = {
        chains: new Set(["say-no"]),
        sets: new Set<string>(),
        elements: new Map<string, string>(),
      };
      let before = emptyFragment;
      for (const after of states) {
        play(walked, transaction([{ before, after }]));
        before = after;
      }
      const direct = {
        chains: new Set(["say-no"]),
        sets: new Set<string>(),
        elements: new Map<string, string>(),
      };
      play(direct, transaction([{ before: emptyFragment, after: before }]));
      expect([...walked.chains].toSorted()).toEqual([...direct.chains].toSorted());
      expect([...walked.sets].toSorted()).toEqual([...direct.sets].toSorted());
      expect(Object.fromEntries(walked.elements)).toEqual(Object.fromEntries(direct.elements));
      play(walked, transaction([{ before, after: emptyFragment }]));
      expect([walked.chains.size, walked.sets.size, walked.elements.size]).toEqual([1, 0, 0]);
    }),
  );
});
