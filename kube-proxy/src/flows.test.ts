import { expect, test } from "vitest";
import { parseFlows, staleFlows } from "./flows.ts";

const listing = `udp      17 26 src=10.244.1.7 dst=10.96.0.7 sport=4000 dport=80 src=10.244.1.2 dst=10.244.1.7 sport=9000 dport=4000 [ASSURED] mark=0 use=1
udp      17 26 src=10.244.1.8 dst=10.96.0.7 sport=4001 dport=80 [UNREPLIED] src=10.244.2.2 dst=10.244.1.8 sport=9000 dport=4001 mark=0 use=1
udp      17 26 src=172.31.0.9 dst=172.31.0.2 sport=4002 dport=30080 [UNREPLIED] src=172.31.0.2 dst=172.31.0.9 sport=30080 dport=4002 mark=0 use=1
udp      17 26 src=10.244.1.8 dst=192.0.2.1 sport=4003 dport=30080 src=192.0.2.1 dst=172.31.0.2 sport=30080 dport=4003 [ASSURED] use=1
`;

test("a flow is stale when its Service leads elsewhere, or when it began before there was a node port", () => {
  const allowed = new Map([
    ["10.96.0.7 80", new Set(["10.244.1.2 9000"])],
    ["* 30080", new Set(["10.244.1.2 9000"])],
  ]);
  expect(staleFlows(parseFlows(listing), allowed, new Set(["172.31.0.2"]))).toEqual([
    { address: "10.96.0.7", port: "80", endpoint: "10.244.2.2", endpointPort: "9000" },
    { address: "172.31.0.2", port: "30080", endpoint: "172.31.0.2", endpointPort: "30080" },
  ]);
});
