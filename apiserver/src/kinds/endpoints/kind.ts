import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, none } from "../shared/columns.ts";
import { check, dnsLabel, dnsSubdomain, portNumber, qualifiedName } from "../shared/names.ts";
import { familyOf, ipAddress } from "../shared/net.ts";
import { endpointAddressRule } from "../shared/endpoint-address.ts";

export const endpoints = defineKind<Endpoints>({
  kind: "Endpoints",
  plural: "endpoints",
  shortNames: ["ep"],
  deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
  namespaced: true,
  createOnUpdate: true,
  setDefaults: (object) => {
    for (const subset of object.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ||= "TCP";
  },
  validate,
  validateUpdate: validate,
  columns: [nameColumn, column("Endpoints", endpointsCell), ageColumn],
});

function validate(object: Endpoints): FieldError[] {
  return (object.subsets ?? []).flatMap((subset, i) => validateSubset(subset, path("subsets").index(i)));
}

function validateSubset(subset: EndpointSubset, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (!subset.addresses?.length && !subset.notReadyAddresses?.length)
    errors.push(required(at, "must specify `addresses` or `notReadyAddresses`"));
  for (const list of ["addresses", "notReadyAddresses"] as const)
    (subset[list] ?? []).forEach((a, i) => errors.push(...validateAddress(a, at.child(list).index(i))));
  const ports = subset.ports ?? [];
  ports.forEach((p, i) => errors.push(...validatePort(p, ports.length > 1, at.child("ports").index(i))));
  return errors;
}

function validateAddress(address: EndpointAddress, at: Path): FieldError[] {
  const errors = check(ipAddress, address.ip ?? "", at.child("ip"));
  if (address.hostname) errors.push(...check(dnsLabel, address.hostname, at.child("hostname")));
  if (address.nodeName) errors.push(...check(dnsSubdomain, address.nodeName, at.child("nodeName")));
  return errors.length > 0 ? errors : check(endpointAddressRule, address.ip, at.child("ip"));
}

function validatePort(port: EndpointPort, nameRequired: boolean, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (nameRequired && !port.name) errors.push(required(at.child("name")));
  else if (port.name) errors.push(...check(dnsLabel, port.name, at.child("name")));
  for (const message of portNumber(port.port))
    errors.push(invalidValue(at.child("port"), port.port ?? 0, message));
  if (!port.protocol) errors.push(required(at.child("protocol")));
  else if (!["SCTP", "TCP", "UDP"].includes(port.protocol))
    errors.push(notSupported(at.child("protocol"), port.protocol, ["SCTP", "TCP", "UDP"]));
  if (port.appProtocol) errors.push(...check(qualifiedName, port.appProtocol, at.child("appProtocol")));
  return errors;
}

/** The first three addresses, and how many more there are. */
function endpointsCell(object: Endpoints): string {
  const subsets = object.subsets ?? [];
  if (subsets.length === 0) return none;
  const all = subsets.flatMap((subset) =>
    subset.ports?.length
      ? subset.ports.flatMap((port) => (subset.addresses ?? []).map((a) => hostPort(a.ip, port.port)))
      : (subset.addresses ?? []).map((a) => a.ip),
  );
  const shown = all.slice(0, 3).join(",");
  return all.length > 3 ? `${shown} + ${all.length - 3} more...` : shown;
}

const hostPort = (ip: string, port: number): string =>
  familyOf(ip) === "IPv6" ? `[${ip}]:${port}` : `${ip}:${port}`;
