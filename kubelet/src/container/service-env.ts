/** Environment variables that name the services of a namespace, after the links of Docker's early days. */
import type { Service } from "@coracle/shared/api/generated/core-v1.ts";

const hasAddress = (service: Service): boolean => {
  const ip = service.spec?.clusterIP;
  return ip !== undefined && ip !== "" && ip !== "None";
};
const variable = (text: string): string => text.toUpperCase().replaceAll("-", "_");
const hostPort = (ip: string, port: number): string =>
  ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;

function variablesOf(service: Service): [string, string][] {
  const name = variable(service.metadata.name ?? "");
  const ip = service.spec?.clusterIP ?? "";
  const ports = service.spec?.ports ?? [];
  const [first] = ports;
  if (!first) return [];
  const result: [string, string][] = [
    [`${name}_SERVICE_HOST`, ip],
    [`${name}_SERVICE_PORT`, String(first.port)],
  ];
  for (const port of ports)
    if (port.name) result.push([`${name}_SERVICE_PORT_${variable(port.name)}`, String(port.port)]);
  for (const [index, port] of ports.entries()) {
    const protocol = port.protocol ?? "TCP";
    const url = `${protocol.toLowerCase()}://${hostPort(ip, port.port)}`;
    const prefix = `${name}_PORT_${port.port}_${protocol.toUpperCase()}`;
    if (index === 0) result.push([`${name}_PORT`, url]);
    result.push(
      [prefix, url],
      [`${prefix}_PROTO`, protocol.toLowerCase()],
      [`${prefix}_PORT`, String(port.port)],
      [`${prefix}_ADDR`, ip],
    );
  }
  return result;
}

/**
 * The variables a pod of `namespace` gets: those of the `kubernetes` service always, those of its own namespace when the pod
 * asks for links.
 */
export function serviceEnvironment(
  services: Iterable<Service>,
  namespace: string,
  links: boolean,
): Map<string, string> {
  const chosen = new Map<string, Service>();
  for (const service of services) {
    if (!hasAddress(service)) continue;
    const name = service.metadata.name ?? "";
    const isApi = service.metadata.namespace === "default" && name === "kubernetes";
    if (isApi && !chosen.has(name)) chosen.set(name, service);
    else if (links && service.metadata.namespace === namespace) chosen.set(name, service);
  }
  return new Map([...chosen.values()].flatMap(variablesOf));
}
