import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { Endpoint, EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";

/** What the records are made from: informer caches, read by index so that a lookup costs what it returns. */
export interface Directory {
  service(namespace: string, name: string): Service | undefined;
  serviceByAddress(address: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
  slicesByAddress(address: string): readonly EndpointSlice[];
  namespaceExists(name: string): boolean;
}

export type Data =
  | { readonly type: "A" | "AAAA" | "CNAME" | "PTR" | "NS"; readonly data: string }
  | { readonly type: "TXT"; readonly data: string }
  | {
      readonly type: "SRV";
      readonly data: {
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: string;
      };
    };
export type Answer = Data & { readonly name: string };

/** `answers` empty: the name exists without records of that type (NODATA). undefined: there is no such name (NXDOMAIN). */
export type Lookup =
  | { readonly answers: readonly Answer[]; readonly additionals?: readonly Answer[] }
  | undefined;

/** The version of the DNS schema this follows: https://github.com/kubernetes/dns/blob/master/docs/specification.md */
const schemaVersion = "1.1.0";

interface Host {
  readonly name: string;
  readonly address: string;
  readonly type: "A" | "AAAA";
}

const addressType = (address: string): "A" | "AAAA" => (address.includes(":") ? "AAAA" : "A");
const dashed = (address: string): string => address.replace(/[.:]/g, "-");
const isHeadless = (service: Service): boolean => service.spec?.clusterIP === "None";
const addressesOf = (service: Service): readonly string[] =>
  service.spec?.clusterIPs ?? (service.spec?.clusterIP ? [service.spec.clusterIP] : []);

const published = (endpoint: Endpoint): boolean => endpoint.conditions?.ready !== false;

/** The ready endpoints of a headless service, each with the name it has below the service's. */
function hostsOf(slices: readonly EndpointSlice[]): Host[] {
  const hosts: Host[] = [];
  for (const slice of slices) {
    for (const endpoint of slice.endpoints ?? []) {
      if (!published(endpoint)) continue;
      for (const address of endpoint.addresses)
        hosts.push({ name: endpoint.hostname ?? dashed(address), address, type: addressType(address) });
    }
  }
  return hosts;
}

/** All targets of an SRV name have the same share of 100, as CoreDNS gives it. */
const weighted = (answer: Answer, among: number): Answer =>
  answer.type === "SRV" ? { ...answer, data: { ...answer.data, weight: Math.floor(100 / among) } } : answer;

/** Answers questions below the cluster's domain. Pure: the directory is its only input. `domain` has no final dot. */
export function createRecords(directory: Directory, domain: string) {
  const below = `.${domain}`;

  const serviceName = (service: Service): string =>
    `${service.metadata.name}.${service.metadata.namespace}.svc${below}`;

  const addresses = (
    name: string,
    hosts: readonly { address: string; type: "A" | "AAAA" }[],
    type: string,
  ): Lookup => ({
    answers: hosts.filter((h) => h.type === type).map((h) => ({ name, type: h.type, data: h.address })),
  });

  /** SRV records of a service; `port` undefined means every port. */
  function srv(name: string, service: Service, match?: { port: string; protocol: string }): Lookup {
    const wanted = (port: { name?: string | undefined; protocol?: string | undefined }): boolean =>
      !match ||
      ((port.name ?? "") === match.port && (port.protocol ?? "TCP").toLowerCase() === match.protocol);
    const answers: Answer[] = [];
    const additionals: Answer[] = [];
    const add = (port: number, target: string, address: string): void => {
      answers.push({ name, type: "SRV", data: { priority: 0, weight: 100, port, target } });
      if (!additionals.some((a) => a.name === target && a.data === address))
        additionals.push({ name: target, type: addressType(address), data: address });
    };
    if (isHeadless(service)) {
      for (const slice of directory.slices(service.metadata.namespace ?? "", service.metadata.name ?? "")) {
        for (const port of slice.ports ?? []) {
          if (port.port === undefined || !wanted(port)) continue;
          for (const host of hostsOf([slice]))
            add(port.port, `${host.name}.${serviceName(service)}`, host.address);
        }
      }
    } else {
      for (const port of service.spec?.ports ?? []) {
        if (!wanted(port)) continue;
        for (const address of addressesOf(service)) add(port.port, serviceName(service), address);
      }
    }
    if (match && answers.length === 0) return undefined;
    return { answers: answers.map((a) => weighted(a, answers.length)), additionals };
  }

  /** `labels` are those left of `<ns>.svc.<domain>`, from the right: [service], [host, service] or [_port, _proto, service]. */
  function inService(name: string, type: string, namespace: string, labels: readonly string[]): Lookup {
    const service = directory.service(namespace, labels.at(-1) ?? "");
    if (!service) return undefined;
    const left = labels.slice(0, -1);
    if (service.spec?.type === "ExternalName") {
      return left.length === 0
        ? { answers: [{ name, type: "CNAME", data: service.spec.externalName ?? "" }] }
        : undefined;
    }
    const hosts = (): Host[] =>
      isHeadless(service)
        ? hostsOf(directory.slices(namespace, service.metadata.name ?? ""))
        : addressesOf(service).map((address) => ({ name: "", address, type: addressType(address) }));
    if (left.length === 0) return type === "SRV" ? srv(name, service) : addresses(name, hosts(), type);
    const [first = "", second = ""] = left;
    if (left.length === 1 && first.startsWith("_")) return { answers: [] };
    if (left.length === 1 && isHeadless(service)) {
      const named = hosts().filter((h) => h.name === first);
      return named.length > 0 ? addresses(name, named, type) : undefined;
    }
    if (left.length === 2 && first.startsWith("_") && second.startsWith("_")) {
      const found = srv(name, service, { port: first.slice(1), protocol: second.slice(1) });
      return found && type !== "SRV" ? { answers: [] } : found;
    }
    return undefined;
  }

  /** `10-244-1-2.<ns>.pod.<domain>`: the address is in the name, whether or not a pod has it (CoreDNS's `pods insecure`). */
  function inPods(name: string, type: string, labels: readonly string[]): Lookup {
    if (labels.length !== 1) return undefined;
    const [host = ""] = labels;
    const octets = host.split("-").map(Number);
    if (octets.length !== 4 || octets.some((o) => !Number.isInteger(o) || o < 0 || o > 255)) return undefined;
    return addresses(name, [{ address: octets.join("."), type: "A" }], type);
  }

  /** Forward lookup of a lower-case name that is `domain` or below it. */
  function forward(name: string, type: string): Lookup {
    if (name === domain)
      return type === "NS" ? { answers: [{ name, type: "NS", data: `ns.dns${below}` }] } : { answers: [] };
    const labels = name.slice(0, -below.length).split(".");
    if (labels.length === 1 && labels[0] === "dns-version")
      return { answers: type === "TXT" ? [{ name, type: "TXT", data: schemaVersion }] : [] };
    const zone = labels.pop();
    if (zone !== "svc" && zone !== "pod") return undefined;
    const namespace = labels.pop();
    if (namespace === undefined) return { answers: [] };
    if (!directory.namespaceExists(namespace)) return undefined;
    if (labels.length === 0) return { answers: [] };
    return zone === "svc" ? inService(name, type, namespace, labels) : inPods(name, type, labels);
  }

  /**
   * PTR of a service's address, or of an endpoint that has a host name of its own: others may be behind many services, and have no
   * one name. undefined when the address has none.
   */
  function reverse(name: string, address: string): Lookup {
    const service = directory.serviceByAddress(address);
    if (service) return { answers: [{ name, type: "PTR", data: serviceName(service) }] };
    const answers: Answer[] = [];
    for (const slice of directory.slicesByAddress(address)) {
      const owner = slice.metadata.labels?.["kubernetes.io/service-name"];
      if (!owner) continue;
      for (const host of hostsOf([slice])) {
        if (host.address === address && host.name !== dashed(address))
          answers.push({
            name,
            type: "PTR",
            data: `${host.name}.${owner}.${slice.metadata.namespace}.svc${below}`,
          });
      }
    }
    return answers.length > 0 ? { answers } : undefined;
  }

  return { forward, reverse };
}

/** The address of an `in-addr.arpa` name, or undefined. */
export function reverseAddress(name: string): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  return match ? `${match[4]}.${match[3]}.${match[2]}.${match[1]}` : undefined;
}
