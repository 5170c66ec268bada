/** The files by which a pod's containers find names: resolv.conf, hosts, and the pod's own name. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";

export interface ResolvConf {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Reads a resolv.conf. The last `search` or `domain` wins, as in the resolver. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === "nameserver" && rest[0]) servers.push(rest[0]);
    else if (word === "search" || word === "domain") searches = rest;
    else if (word === "options") options = [...options, ...rest];
  }
  return { servers, searches, options };
}

export const printResolvConf = (conf: ResolvConf): string =>
  [
    ...(conf.searches.length > 0 ? [`search ${conf.searches.join(" ")}`] : []),
    ...conf.servers.map((server) => `nameserver ${server}`),
    ...(conf.options.length > 0 ? [`options ${conf.options.join(" ")}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join("");

export interface DnsInput {
  readonly pod: Pod;
  readonly clusterDomain: string;
  readonly clusterDns: string;
  /** The node's own resolver, in a form that a pod can reach. */
  readonly node: ResolvConf;
}

const unique = (items: readonly string[]): string[] => [...new Set(items)];
const optionName = (option: string): string => option.split(":", 1)[0] ?? "";

function baseConf({ pod, clusterDomain, clusterDns, node }: DnsInput): ResolvConf {
  const policy = pod.spec?.dnsPolicy ?? "ClusterFirst";
  if (policy === "None") return { servers: [], searches: [], options: [] };
  const cluster =
    policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && !pod.spec?.hostNetwork);
  if (!cluster) return node;
  const namespace = pod.metadata.namespace ?? "default";
  const own = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return { servers: [clusterDns], searches: unique([...own, ...node.searches]), options: ["ndots:5"] };
}

/** What the pod asks for by its dnsPolicy and dnsConfig. */
function wantedConf(input: DnsInput): ResolvConf {
  const base = baseConf(input);
  const config = input.pod.spec?.dnsConfig;
  if (!config) return base;
  const options = new Map(base.options.map((option) => [optionName(option), option]));
  for (const { name, value } of config.options ?? [])
    if (name) options.set(name, value === undefined ? name : `${name}:${value}`);
  return {
    servers: unique([...base.servers, ...(config.nameservers ?? [])]),
    searches: unique([...base.searches, ...(config.searches ?? [])]),
    options: [...options.values()],
  };
}

/** Resolvers read no more than that. */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_LINE = 2048;
const MAX_NAME = 255;

function fittingSearches(wanted: readonly string[]): string[] {
  const searches = wanted.filter((name) => name.length <= MAX_NAME).slice(0, MAX_SEARCHES);
  while (searches.join(" ").length > MAX_SEARCH_LINE) searches.pop();
  return searches;
}

export interface PodResolvConf extends ResolvConf {
  /** What had to be left out, in upstream's words. */
  readonly omissions: readonly string[];
}

/** The pod's resolv.conf, as much of it as resolvers read. */
export function podResolvConf(input: DnsInput): PodResolvConf {
  const wanted = wantedConf(input);
  const searches = fittingSearches(wanted.searches);
  const servers = wanted.servers.slice(0, MAX_SERVERS);
  const omissions = [
    ...(servers.length < wanted.servers.length
      ? [
          `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(" ")}`,
        ]
      : []),
    ...(searches.length < wanted.searches.length
      ? [
          `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(" ")}`,
        ]
      : []),
  ];
  return { servers, searches, options: wanted.options, omissions };
}

const MAX_HOSTNAME = 63;

export interface PodNames {
  /** What the pod's processes are told. */
  readonly hostname: string;
  readonly short: string;
  /** The name DNS gives it, where the pod has a subdomain. */
  readonly fqdn: string | undefined;
}

/** The pod's own names. */
export function podHostname(pod: Pod, clusterDomain: string): PodNames {
  const spec = pod.spec;
  const override = spec?.hostnameOverride;
  if (override) return { hostname: override, short: override, fqdn: undefined };
  const short = (spec?.hostname || (pod.metadata.name ?? "")).slice(0, MAX_HOSTNAME).replace(/[-.]+$/, "");
  if (!spec?.subdomain) return { hostname: short, short, fqdn: undefined };
  const fqdn = `${short}.${spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
  return { hostname: spec.setHostnameAsFQDN ? fqdn : short, short, fqdn };
}

const LOCAL = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "fe00::0\tip6-mcastprefix",
  "fe00::1\tip6-allnodes",
  "fe00::2\tip6-allrouters",
];

/** /etc/hosts of a pod with a network of its own. */
export function podHosts(pod: Pod, podIPs: readonly string[], clusterDomain: string): string {
  const { fqdn, short } = podHostname(pod, clusterDomain);
  const names = fqdn ? `${fqdn}\t${short}` : short;
  const lines = ["# Kubernetes-managed hosts file.", ...LOCAL, ...podIPs.map((ip) => `${ip}\t${names}`)];
  return lines.map((line) => `${line}\n`).join("") + hostAliases(pod);
}

/** /etc/hosts of a pod in the node's network: the node's own, and its aliases. */
export const nodeHosts = (pod: Pod, ofNode: string): string =>
  `# Kubernetes-managed hosts file (host network).\n${ofNode}${hostAliases(pod)}`;

function hostAliases(pod: Pod): string {
  const aliases = pod.spec?.hostAliases ?? [];
  if (aliases.length === 0) return "";
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join("\t")}`);
  return `\n# Entries added by HostAliases.\n${lines.join("\n")}\n`;
}
