import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
} from "@coracle/shared/api/generated/core-v1.ts";
import type { Path } from "../../../registry/field.ts";
import { fractionWarning } from "../quantity.ts";

type AnyContainer = Container | EphemeralContainer;

/** Every container of a pod with its path, in the order in which upstream visits them. */
export const containersWithPaths = (spec: PodSpec, at: Path): [AnyContainer, Path][] =>
  (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
    (spec[list] ?? []).map((c, i): [AnyContainer, Path] => [c, at.child(list).index(i)]),
  );

/** Advice about the containers of a pod, apart from that about annotations of theirs. */
export function containerWarnings(spec: PodSpec, at: Path): string[] {
  const containers = containersWithPaths(spec, at);
  return [
    ...containers.flatMap(([container, where]) => [
      ...byteWarnings(container.resources?.limits, where.child("resources", "limits")),
      ...byteWarnings(container.resources?.requests, where.child("resources", "requests")),
      ...envWarnings(container, where.child("env")),
    ]),
    ...portWarnings(containers),
  ];
}

/** Half a byte can not be had. */
export const byteWarnings = (resources: Record<string, string> | undefined, at: Path): string[] =>
  ["memory", "ephemeral-storage"].flatMap((name) => fractionWarning(resources?.[name], at.key(name)));

/** A variable may be set again to add to it; otherwise the first value is lost, and apply merges by name. */
function envWarnings({ env = [] }: AnyContainer, at: Path): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name, value = "", valueFrom }, i) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const reference = `$(${name})`;
    if (!valueFrom && value !== reference && value.includes(reference)) return [];
    return [
      `${at.index(i).text}: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
    ];
  });
}

interface PortAt {
  readonly port: ContainerPort;
  readonly at: Path;
}

function portWarnings(containers: readonly [AnyContainer, Path][]): string[] {
  const warnings: string[] = [];
  const ports = new Map<string, PortAt[]>();
  for (const [container, where] of containers)
    (container.ports ?? []).forEach((port, i) => {
      const here = { port, at: where.child("ports").index(i) };
      if (port.hostIP && !port.hostPort)
        warnings.push(`${here.at.text}: hostIP set without hostPort: ${printed(port)}`);
      const key = `${port.containerPort}/${port.protocol}`;
      const others = ports.get(key) ?? [];
      for (const other of others) {
        const relation = relationOf(port, other.port);
        if (relation) warnings.push(`${here.at.text}: ${relation} port definition with ${other.at.text}`);
      }
      ports.set(key, [...others, here]);
    });
  return warnings;
}

function relationOf(a: ContainerPort, b: ContainerPort): string | undefined {
  const [ipA = "", ipB = "", portA = 0, portB = 0] = [a.hostIP, b.hostIP, a.hostPort, b.hostPort];
  if (ipA === ipB && portA === portB) return "duplicate";
  if (portA === 0 || portB === 0) return "overlapping";
  // The host port on every address, and on one of them.
  return portA === portB && (ipA === "") !== (ipB === "") ? "dangerously ambiguous" : undefined;
}

/** As Go prints the structure. */
const printed = ({ name = "", hostPort = 0, containerPort, protocol = "", hostIP = "" }: ContainerPort) =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
