import type { Endpoint, EndpointPort, EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import {
  duplicate,
  immutable,
  invalidValue,
  notSupported,
  path,
  required,
  tooMany,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { endpointAddressRule } from "../shared/endpoint-address.ts";
import {
  between,
  check,
  dnsLabel,
  dnsSubdomain,
  labelValue,
  portNumber,
  qualifiedName,
} from "../shared/names.ts";
import { familyOf } from "../shared/net.ts";

const addressTypes = ["FQDN", "IPv4", "IPv6"];

export const endpointSlices = defineKind<EndpointSlice>({
  group: "discovery.k8s.io",
  kind: "EndpointSlice",
  namespaced: true,
  generation: true,
  setDefaults: (slice) => {
    for (const port of slice.ports ?? []) {
      port.name ??= "";
      port.protocol ??= "TCP";
    }
  },
  validate,
  validateUpdate: (slice, old) => [
    ...validate(slice),
    ...(slice.addressType === old.addressType ? [] : [immutable(path("addressType"), slice.addressType)]),
  ],
  warnings: (slice, old) =>
    slice.addressType === "FQDN" && !old
      ? [`${path("spec", "addressType").text}: FQDN type is deprecated.`]
      : [],
  columns: [
    nameColumn,
    column("AddressType", (slice) => slice.addressType ?? ""),
    column("Ports", portsCell),
    column("Endpoints", addressesCell),
    ageColumn,
  ],
});

function validate(slice: EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  if (!slice.addressType) errors.push(required(path("addressType")));
  else if (!addressTypes.includes(slice.addressType))
    errors.push(notSupported(path("addressType"), slice.addressType, addressTypes));
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > 1000) errors.push(tooMany(path("endpoints"), endpoints.length, 1000));
  endpoints.forEach((e, i) =>
    errors.push(...validateEndpoint(e, slice.addressType, path("endpoints").index(i))),
  );
  return [...errors, ...validatePorts(slice.ports ?? [], path("ports"))];
}

function validateEndpoint(endpoint: Endpoint, type: string, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = endpoint.addresses ?? [];
  const where = at.child("addresses");
  if (addresses.length === 0) errors.push(required(where, "must contain at least 1 address"));
  else if (addresses.length > 100) errors.push(tooMany(where, addresses.length, 100));
  addresses.forEach((address, i) => errors.push(...validateAddress(address, type, where.index(i))));
  if (endpoint.nodeName !== undefined)
    errors.push(...check(dnsSubdomain, endpoint.nodeName, at.child("nodeName")));
  if (endpoint.hostname !== undefined)
    errors.push(...check(dnsLabel, endpoint.hostname, at.child("hostname")));
  for (const [key, value] of Object.entries(endpoint.deprecatedTopology ?? {}))
    errors.push(
      ...check(qualifiedName, key, at.child("deprecatedTopology").key(key)),
      ...check(labelValue, value, at.child("deprecatedTopology").key(key)),
    );
  return errors;
}

function validateAddress(address: string, type: string, at: Path): FieldError[] {
  if (type === "FQDN") return check(dnsSubdomain, address, at);
  if (type !== "IPv4" && type !== "IPv6") return [];
  if (familyOf(address) !== type) return [invalidValue(at, address, `must be a valid ${type} address`)];
  return check(endpointAddressRule, address, at);
}

function validatePorts(ports: readonly EndpointPort[], at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  if (ports.length > 20000) errors.push(tooMany(at, ports.length, 20000));
  ports.forEach((port, i) => {
    const where = at.index(i);
    const name = port.name ?? "";
    if (name) errors.push(...check(dnsLabel, name, where.child("name")));
    if (names.has(name)) errors.push(duplicate(where.child("name"), name));
    names.add(name);
    if (!port.protocol) errors.push(required(where.child("protocol")));
    else if (!["SCTP", "TCP", "UDP"].includes(port.protocol))
      errors.push(notSupported(where.child("protocol"), port.protocol, ["SCTP", "TCP", "UDP"]));
    if (port.port !== undefined && portNumber(port.port).length > 0)
      errors.push(invalidValue(where.child("port"), port.port, between(1, 65535)));
    if (port.appProtocol) errors.push(...check(qualifiedName, port.appProtocol, where.child("appProtocol")));
  });
  return errors;
}

const more = (all: readonly string[]): string =>
  all.length > 3 ? `${all.slice(0, 3).join(",")} + ${all.length - 3} more...` : all.join(",");

function portsCell(slice: EndpointSlice): string {
  return slice.ports?.length
    ? more(slice.ports.map((p) => String(p.port ?? p.name ?? "*"))) || "<unset>"
    : "<unset>";
}

function addressesCell(slice: EndpointSlice): string {
  return slice.endpoints?.length ? more(slice.endpoints.flatMap((e) => e.addresses ?? [])) : "<unset>";
}
