import { describe, expect, test } from "vitest";
import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { services } from "./kind.ts";

const spec = (over: object = {}) => ({ spec: { selector: { app: "web" }, ports: [{ port: 80 }], ...over } });

test("defaults", () => {
  expect(created(services, spec())["spec"]).toEqual({
    type: "ClusterIP",
    selector: { app: "web" },
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
  });
  const loadBalancer = spec({ type: "LoadBalancer", sessionAffinity: "ClientIP" });
  expect(created(services, loadBalancer)["spec"]).toMatchObject({
    externalTrafficPolicy: "Cluster",
    allocateLoadBalancerNodePorts: true,
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
  });
  const headless = { spec: { clusterIP: "None", ports: [{ port: 80 }] } };
  expect(created(services, headless)["spec"]).toMatchObject({
    clusterIPs: ["None"],
    ipFamilyPolicy: "RequireDualStack",
    ipFamilies: ["IPv4", "IPv6"],
  });
});

describe("is refused", () => {
  const ports = (...list: object[]) => spec({ ports: list });
  test.each<[string, object, string[]]>([
    ["nothing", spec(), []],
    ["nothing of a headless one without ports", { spec: { clusterIP: "None" } }, []],
    ["without ports", { spec: {} }, ["spec.ports: Required value"]],
    [
      "ports without names, or of one name, number or node port",
      ports({ port: 80 }, { name: "a", port: 80 }, { name: "a", port: 81 }),
      [
        "spec.ports[0].name: Required value",
        'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}',
        'spec.ports[2].name: Duplicate value: "a"',
      ],
    ],
    [
      "a port that is none",
      ports({ port: 0, targetPort: "-bad-", protocol: "ICMP" }),
      [
        "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        'spec.ports[0].targetPort: Invalid value: "-bad-": must not begin or end with a hyphen',
      ],
    ],
    [
      "a node port of a ClusterIP",
      ports({ port: 80, nodePort: 30_000 }),
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      "a type that does not exist",
      spec({ type: "Magic" }),
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      "a headless node port",
      spec({ type: "NodePort", clusterIP: "None" }),
      ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
    ],
    [
      "a name elsewhere with an address here",
      { spec: { type: "ExternalName", clusterIP: "10.96.0.9" } },
      [
        "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
        "spec.externalName: Required value",
      ],
    ],
    [
      "an address that is none",
      spec({ clusterIP: "10.96.0" }),
      [
        'spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    [
      "two stacks on one",
      spec({ ipFamilyPolicy: "RequireDualStack" }),
      [
        'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      ],
    ],
    [
      "IPv6",
      spec({ ipFamilies: ["IPv6"] }),
      ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    ],
    [
      "what only load balancers have",
      spec({
        loadBalancerSourceRanges: ["10.0.0.0/8"],
        loadBalancerClass: "x/y",
        externalTrafficPolicy: "Local",
      }),
      [
        "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
      ],
    ],
    [
      "traffic to the node itself",
      spec({ externalIPs: ["127.0.0.1"] }),
      [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
  ])("%s", (_, body, expected) => {
    expect(refusals(services, body as never)).toEqual(expected);
  });
});

describe("a change of the address", () => {
  const before = spec({ clusterIP: "10.96.0.9" });
  test.each<[string, object, string[]]>([
    [
      "to another",
      { clusterIP: "10.96.0.8" },
      ['spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set'],
    ],
    ["to none at all is a kept one", { clusterIP: undefined, clusterIPs: undefined }, []],
    [
      "to headless",
      { clusterIP: "None" },
      ['spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set'],
    ],
    ["to a name elsewhere", { type: "ExternalName", externalName: "example.com" }, []],
  ])("%s", (_, change, expected) => {
    expect(updateRefusals(services, before, (s: Service) => Object.assign(s.spec ?? {}, change))).toEqual(
      expected,
    );
  });
});

describe("a line", () => {
  test.each<[object, object, object]>([
    [
      {
        type: "NodePort",
        clusterIPs: ["10.96.0.9"],
        ports: [{ port: 80, nodePort: 30_080, protocol: "TCP" }],
      },
      {},
      { TYPE: "NodePort", "CLUSTER-IP": "10.96.0.9", "EXTERNAL-IP": "<none>", "PORT(S)": "80:30080/TCP" },
    ],
    [
      {
        type: "LoadBalancer",
        ports: [
          { port: 80, protocol: "TCP" },
          { port: 53, protocol: "UDP" },
        ],
      },
      {},
      { "EXTERNAL-IP": "<pending>", "PORT(S)": "80/TCP,53/UDP" },
    ],
    [
      { type: "LoadBalancer", externalIPs: ["1.2.3.4"] },
      { loadBalancer: { ingress: [{ hostname: "lb" }, { ip: "5.6.7.8" }] } },
      {
        "EXTERNAL-IP": "5.6.7.8,lb,1.2.3.4",
        "PORT(S)": "<none>",
        "CLUSTER-IP": "<none>",
        SELECTOR: "<none>",
      },
    ],
    [{ type: "ExternalName", externalName: "example.com" }, {}, { "EXTERNAL-IP": "example.com" }],
  ])("of %j", (over, status, expected) => {
    expect(columnNames(services)).toBe("NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE (SELECTOR)");
    expect(row(services, { spec: over, status })).toMatchObject(expected);
  });
});
