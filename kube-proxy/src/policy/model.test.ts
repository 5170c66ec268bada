import fc from "fast-check";
import { expect, test } from "vitest";
import type { Namespace, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from "@coracle/shared/api/generated/networking-v1.ts";
import { createMembership } from "./membership.ts";
import { isolationsOf, keyOf, leanPod, type Direction } from "./model.ts";
import { rulesetOf, type Ruleset } from "./ruleset.ts";

const namespaces = ["shop", "lab"].map((name, i): Namespace => ({
  metadata: { name, labels: { team: i === 0 ? "a" : "b" } },
}));
const podOf = (i: number, namespace: string, app: string, port: number): Pod => ({
  metadata: { name: `p${i}`, namespace, labels: { app } },
  spec: { nodeName: "n", containers: [{ name: "c", ports: [{ name: "web", containerPort: port }] }] },
  status: { phase: "Running", podIP: `10.244.0.${i + 2}` },
});

/** Interprets the rules as the kernel does, for what is neither of a standing connection nor of the node itself. */
function verdict(rules: Ruleset, members: (set: string) => ReadonlySet<string>, packet: Packet): boolean {
  const judge = (direction: Direction): boolean => {
    const [own, peer] = direction === "ingress" ? [packet.to, packet.from] : [packet.from, packet.to];
    const chain = rules.maps[direction].get(own);
    if (chain === undefined) return true;
    for (const rule of rules.chains.get(chain) ?? []) {
      if (rule === "drop") return false;
      if (fits(rule, peer)) return true;
    }
    throw new Error("a chain must end with a word");
  };
  const fits = (rule: string, peer: string): boolean => {
    let rest = rule.replace(/(^| )accept$/, "");
    const take = (pattern: RegExp, holds: (...groups: string[]) => boolean): boolean => {
      const found = pattern.exec(rest);
      if (!found) return true;
      rest = rest.replace(found[0], "").trim();
      return holds(...found.slice(1));
    };
    const { protocol, port } = packet;
    const all = [
      take(
        /ip [sd]addr \. (\w+) dport @(\S+)/,
        (l4 = "", set = "") => l4 === protocol.toLowerCase() && members(set).has(`${peer} . ${port}`),
      ),
      take(/ip [sd]addr @(\S+)/, (set = "") => members(set).has(peer)),
      take(/ip [sd]addr != \{ ([^}]*) \}/, (list = "") => !list.split(", ").some((c) => within(c, peer))),
      // The table is one of IPv4: the kernel takes nothing else there.
      take(/ip [sd]addr ([\d.]+(?:\/\d+)?)(?= |$)/, (cidr = "") => within(cidr, peer)),
      take(/meta l4proto (\w+)/, (l4 = "") => l4 === protocol.toLowerCase()),
      take(
        /(\w+) dport (\d+)(?:-(\d+))?/,
        (l4 = "", from = "", to = from) =>
          l4 === protocol.toLowerCase() && port >= Number(from) && port <= Number(to),
      ),
    ];
    expect(rest).toBe("");
    return all.every(Boolean);
  };
  return judge("egress") && judge("ingress");
}

interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

const number = (address: string): number =>
  address.split(".").reduce((all, part) => all * 256 + Number(part), 0);
function within(cidr: string, address: string): boolean {
  const [base = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(base) / size) === Math.floor(number(address) / size);
}

/** What the API reference says, word by word and without any of the code above. */
function allowed(pods: readonly Pod[], policies: readonly NetworkPolicy[], packet: Packet): boolean {
  if (packet.from === packet.to) return true;
  const at = (address: string): Pod | undefined => pods.find((p) => p.status?.podIP === address);
  const matches = (labels: Record<string, string> = {}, wanted: Record<string, string> = {}): boolean =>
    Object.entries(wanted).every(([k, v]) => labels[k] === v);
  const isPeer = (peer: NetworkPolicyPeer, policy: NetworkPolicy, address: string): boolean => {
    if (peer.ipBlock)
      return (
        within(peer.ipBlock.cidr, address) && !(peer.ipBlock.except ?? []).some((c) => within(c, address))
      );
    const pod = at(address);
    if (!pod) return false;
    const namespace = namespaces.find((n) => n.metadata.name === pod.metadata.namespace);
    const isThere = peer.namespaceSelector
      ? matches(namespace?.metadata.labels, peer.namespaceSelector.matchLabels)
      : pod.metadata.namespace === policy.metadata.namespace;
    return isThere && matches(pod.metadata.labels, peer.podSelector?.matchLabels);
  };
  const isPort = ({ protocol = "TCP", port, endPort }: NetworkPolicyPort): boolean => {
    if (protocol !== packet.protocol) return false;
    if (port === undefined) return true;
    if (typeof port === "number") return packet.port >= port && packet.port <= (endPort ?? port);
    return (at(packet.to)?.spec?.containers[0]?.ports ?? []).some(
      (p) => p.name === port && p.containerPort === packet.port && (p.protocol ?? "TCP") === protocol,
    );
  };
  const passes = (direction: Direction): boolean => {
    const [own, other] = direction === "ingress" ? [packet.to, packet.from] : [packet.from, packet.to];
    const pod = at(own);
    const type = direction === "ingress" ? "Ingress" : "Egress";
    const isolating = policies.filter(
      (p) =>
        pod &&
        p.metadata.namespace === pod.metadata.namespace &&
        matches(pod.metadata.labels, p.spec?.podSelector?.matchLabels) &&
        p.spec?.policyTypes?.includes(type),
    );
    return (
      isolating.length === 0 ||
      isolating.some((policy) => {
        const rules =
          direction === "ingress"
            ? (policy.spec?.ingress ?? []).map((r) => ({ peers: r.from, ports: r.ports }))
            : (policy.spec?.egress ?? []).map((r) => ({ peers: r.to, ports: r.ports }));
        return rules.some(
          ({ peers = [], ports = [] }) =>
            (peers.length === 0 || peers.some((peer) => isPeer(peer, policy, other))) &&
            (ports.length === 0 || ports.some(isPort)),
        );
      })
    );
  };
  return passes("egress") && passes("ingress");
}

const app = fc.constantFrom("web", "db");
const labels = fc.option(fc.record({ app }), { nil: undefined });
const selector = fc.record({ matchLabels: labels });
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: fc.constantFrom({}, { matchLabels: { team: "a" } }) }),
  fc.record({
    namespaceSelector: fc.constantFrom({}, { matchLabels: { team: "b" } }),
    podSelector: selector,
  }),
  fc.constantFrom<NetworkPolicyPeer>(
    { ipBlock: { cidr: "10.244.0.0/16", except: ["10.244.0.4/31"] } },
    { ipBlock: { cidr: "192.0.2.0/24" } },
    { ipBlock: { cidr: "2001:db8::/32", except: ["2001:db8:1::/48"] } },
  ),
);
const portRule: fc.Arbitrary<NetworkPolicyPort> = fc.oneof(
  fc.record({ port: fc.constantFrom<number | string>(80, "web", "none") }),
  fc.constantFrom<NetworkPolicyPort>(
    { protocol: "UDP" },
    { protocol: "UDP", port: 53 },
    { port: 80, endPort: 90 },
  ),
);
const few = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { maxLength: 2 });
const policy: fc.Arbitrary<NetworkPolicy> = fc.record({
  metadata: fc.record({ name: fc.constant("np"), namespace: fc.constantFrom("shop", "lab") }),
  spec: fc.record({
    podSelector: selector,
    policyTypes: fc.constantFrom(["Ingress"], ["Egress"], ["Ingress", "Egress"]),
    ingress: few(fc.record({ from: few(peer), ports: few(portRule) })),
    egress: few(fc.record({ to: few(peer), ports: few(portRule) })),
  }),
}) as fc.Arbitrary<NetworkPolicy>;
const podSpecs = fc.array(fc.tuple(fc.constantFrom("shop", "lab"), app, fc.constantFrom(80, 85, 8080)), {
  minLength: 2,
  maxLength: 5,
});

test("the rules let through what the API's words allow, and nothing else", () => {
  fc.assert(
    fc.property(podSpecs, fc.array(policy, { maxLength: 4 }), (specs, policies) => {
      const pods = specs.map(([namespace, label, port], i) => leanPod(podOf(i, namespace, label, port)));
      const rules = rulesetOf(pods.flatMap((pod) => isolationsOf(pod, policies)));
      const membership = createMembership((name) => namespaces.find((n) => n.metadata.name === name));
      membership.use(rules.sets, () => pods);
      const addresses = [...pods.map((p) => p.status?.podIP ?? ""), "192.0.2.7"];
      for (const from of addresses)
        for (const to of addresses)
          for (const port of [53, 80, 85, 8080])
            for (const protocol of ["TCP", "UDP"] as const) {
              const packet = { from, to, port, protocol };
              const got = verdict(rules, (set) => membership.of(set), packet);
              if (got !== allowed(pods, policies, packet)) throw new Error(JSON.stringify({ packet, got }));
            }
    }),
    { numRuns: 300 },
  );
});

test("an address that is none of IPv4 is nobody's", () => {
  const pod = podOf(0, "shop", "web", 80);
  const strange = { ...pod, status: { ...pod.status, podIP: "2001:db8::2" } };
  expect(isolationsOf(pod, [{ metadata: { name: "np", namespace: "shop" }, spec: {} }])).toHaveLength(1);
  expect(isolationsOf(strange, [{ metadata: { name: "np", namespace: "shop" }, spec: {} }])).toEqual([]);
});

test("a set follows its pods one by one", () => {
  const [first, second] = [podOf(0, "shop", "web", 80), podOf(1, "lab", "web", 80)];
  const [rule] = isolationsOf(first, [
    {
      metadata: { name: "np", namespace: "shop" },
      spec: { podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "b" } } }] }] },
    },
  ]);
  const rules = rulesetOf(rule ? [rule] : []);
  const [name = ""] = rules.sets.keys();
  let labelled = namespaces;
  const membership = createMembership((n) => labelled.find((x) => x.metadata.name === n));
  membership.use(rules.sets, () => [first]);
  expect(membership.of(name)).toEqual(new Set());
  membership.put(second);
  expect(membership.of(name)).toEqual(new Set(["10.244.0.3"]));
  expect(membership.takeChanged()).toEqual([name]);
  membership.put(second);
  expect(membership.takeChanged()).toEqual([]);
  membership.put({ ...second, status: { ...second.status, phase: "Succeeded" } });
  expect(membership.of(name)).toEqual(new Set());
  labelled = [];
  membership.put(second);
  expect(membership.of(name)).toEqual(new Set());
  labelled = namespaces;
  membership.put(second);
  membership.remove(second);
  expect(membership.of(name)).toEqual(new Set());
  expect(keyOf(second)).toBe("lab/p1");
});
