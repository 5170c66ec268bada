import { expect, test } from "vitest";
import { warnings } from "../kind.test-support.ts";
import { services } from "./kind.ts";

const service = (over: object) => ({ spec: { ports: [{ port: 80 }], ...over } });

test.each<[string, object, string[]]>([
  ["an ordinary one", {}, []],
  [
    "a headless one with affinity",
    { clusterIP: "None", sessionAffinity: "ClientIP" },
    ["spec.SessionAffinity is ignored for headless services"],
  ],
  [
    "addresses in other words",
    { externalIPs: ["2001:DB8::0:1", "::ffff:1.2.3.4"] },
    [
      'spec.externalIPs[0]: IPv6 address "2001:DB8::0:1" should be in RFC 5952 canonical format ("2001:db8::1")',
      'spec.externalIPs[1]: non-standard IP address "::ffff:1.2.3.4" will be considered invalid in a future Kubernetes release: use "1.2.3.4"',
    ],
  ],
  [
    "a range that may be an address",
    { type: "LoadBalancer", loadBalancerSourceRanges: ["10.1.2.3/24"] },
    [
      'spec.loadBalancerSourceRanges[0]: CIDR value "10.1.2.3/24" is ambiguous in this context (should be "10.1.2.0/24" or "10.1.2.3/32"?)',
    ],
  ],
  [
    "a name that is not used, a distribution of old",
    { externalName: "example.com", trafficDistribution: "PreferClose" },
    [
      'spec.externalName is ignored when spec.type is not "ExternalName"',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ],
  ],
])("%s", (_, over, expected) => {
  expect(warnings(services, service(over))).toEqual(expected);
});
