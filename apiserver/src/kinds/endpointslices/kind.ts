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
  type StringRule,
} from "../shared/names.ts";
import { validateLabels } from "../shared/selector.ts";
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
  else
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
  const topology = endpoint.deprecatedTopology ?? {};
  const count = Object.keys(topology).length;
  if (count > 16) errors.push(tooMany(at.child("deprecatedTopology"), count, 16));
  errors.push(...validateLabels(topology, at.child("deprecatedTopology")));
  const hints = at.child("hints");
  return [
    ...errors,
    ...validateHints(endpoint.hints?.forZones ?? [], labelValue, hints.child("forZones")),
    ...validateHints(endpoint.hints?.forNodes ?? [], dnsSubdomain, hints.child("forNodes")),
  ];
}

/** For whom an endpoint is meant: at most eight, each named once. */
function validateHints(
  hints: readonly { readonly name?: string }[],
  rule: StringRule,
  at: Path,
): FieldError[] {
  if (hints.length > 8) return [tooMany(at, hints.length, 8)];
  return hints.flatMap(({ name = "" }, i) => {
    const where = at.index(i).child("name");
    const again = hints.findIndex((h) => (h.name ?? "") === name) < i;
    return [...(again ? [duplicate(where, name)] : []), ...check(rule, name, where)];
  });
}

function validateAddress(address: string, type: string, at: Path): FieldError[] {
  if (type === "FQDN") return validateDomainName(address, at);
  if (type !== "IPv4" && type !== "IPv6") return [];
  if (familyOf(address) !== type) return [invalidValue(at, address, `must be a valid ${type} address`)];
  return check(endpointAddressRule, address, at);
}

/** At least two labels; a dot at the end is fine. */
function validateDomainName(address: string, at: Path): FieldError[] {
  if (address === "") return [required(at)];
  const name = address.replace(/\.$/, "");
  const wrong = dnsSubdomain(name);
  if (wrong.length > 0) return [invalidValue(at, name, wrong.join(","))];
  const labels = name.split(".");
  if (labels.length < 2)
    return [invalidValue(at, name, "should be a domain with at least two segments separated by dots")];
  const long = labels.find((label) => dnsLabel(label).length > 0);
  return long === undefined ? [] : [invalidValue(at, long, dnsLabel(long).join(","))];
}

function validatePorts(ports: readonly EndpointPort[], at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  if (ports.length > 20000) return [tooMany(at, ports.length, 20000)];
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
