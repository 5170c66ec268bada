import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
} from "@coracle/shared/api/generated/networking-v1.ts";
import {
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import {
  check,
  dnsLabel1035,
  dnsSubdomain,
  portName,
  portNumber,
  wildcardSubdomain,
} from "../shared/names.ts";
import { validateTypedReference } from "../shared/reference.ts";
import { familyOf, ipAddress } from "../shared/net.ts";

const root = path("spec");
const classAnnotation = "kubernetes.io/ingress.class";

export function validateNewIngress(ingress: Ingress): FieldError[] {
  const annotation = ingress.metadata.annotations?.[classAnnotation];
  const errors = validateIngress(ingress);
  if (annotation !== undefined && ingress.spec?.ingressClassName !== undefined)
    errors.push(
      invalidValue(
        path("annotations").child(classAnnotation),
        annotation,
        "can not be set when the class field is also set",
      ),
    );
  return errors;
}

export function validateIngress({ spec = {} }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  const rules = spec.rules ?? [];
  if (rules.length === 0 && !spec.defaultBackend)
    errors.push(invalidValue(root, rules, "either `defaultBackend` or `rules` must be specified"));
  if (spec.defaultBackend) errors.push(...validateBackend(spec.defaultBackend, root.child("defaultBackend")));
  rules.forEach((rule, i) => {
    const at = root.child("rules").index(i);
    if (rule.host) errors.push(...validateHost(rule.host, at.child("host")));
    if (!rule.http) return;
    const where = at.child("http", "paths");
    if (!rule.http.paths?.length) errors.push(required(where));
    (rule.http.paths ?? []).forEach((p, n) => errors.push(...validatePath(p, where.index(n))));
  });
  (spec.tls ?? []).forEach((tls, i) => {
    const at = root.child("tls").index(i);
    (tls.hosts ?? []).forEach((host, n) =>
      errors.push(
        ...check(host.includes("*") ? wildcardSubdomain : dnsSubdomain, host, at.child("hosts").index(n)),
      ),
    );
    if (tls.secretName) errors.push(...check(dnsSubdomain, tls.secretName, at.child("secretName")));
  });
  if (spec.ingressClassName !== undefined)
    errors.push(...check(dnsSubdomain, spec.ingressClassName, root.child("ingressClassName")));
  return errors;
}

function validateHost(host: string, at: Path): FieldError[] {
  const errors = familyOf(host) ? [invalidValue(at, host, "must be a DNS name, not an IP address")] : [];
  return [...errors, ...check(host.includes("*") ? wildcardSubdomain : dnsSubdomain, host, at)];
}

const pathTypes = ["Exact", "ImplementationSpecific", "Prefix"];
const badSequences = ["//", "/./", "/../", "%2f", "%2F"];
const badEndings = ["/..", "/."];

function validatePath(entry: HTTPIngressPath, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const text = entry.path ?? "";
  const where = at.child("path");
  if (!entry.pathType) return [required(at.child("pathType"), "pathType must be specified")];
  switch (entry.pathType) {
    case "Exact":
    case "Prefix":
      if (!text.startsWith("/")) errors.push(invalidValue(where, text, "must be an absolute path"));
      for (const bad of badSequences)
        if (text.includes(bad)) errors.push(invalidValue(where, text, `must not contain '${bad}'`));
      for (const bad of badEndings)
        if (text.endsWith(bad)) errors.push(invalidValue(where, text, `cannot end with '${bad}'`));
      break;
    case "ImplementationSpecific":
      if (text !== "" && !text.startsWith("/"))
        errors.push(invalidValue(where, text, "must be an absolute path"));
      break;
    default:
      errors.push(notSupported(at.child("pathType"), entry.pathType, pathTypes));
  }
  return [...errors, ...validateBackend(entry.backend ?? {}, at.child("backend"))];
}

function validateBackend(backend: IngressBackend, at: Path): FieldError[] {
  const { service, resource } = backend;
  if (service && resource) return [invalidValue(at, "", "cannot set both resource and service backends")];
  if (resource) return validateTypedReference(resource, at.child("resource"));
  if (!service) return [invalidValue(at, "", "resource or service backend is required")];
  return validateServiceBackend(service, at);
}

function validateServiceBackend(service: NonNullable<IngressBackend["service"]>, at: Path): FieldError[] {
  const errors = service.name
    ? check(dnsLabel1035, service.name, at.child("service", "name"))
    : [required(at.child("service", "name"))];
  const { name, number } = service.port ?? {};
  const where = at.child("service", "port");
  if (name && number) errors.push(invalidValue(at, "", "cannot set both port name & port number"));
  else if (name) errors.push(...check(portName, name, where.child("name")));
  else if (number)
    for (const message of portNumber(number))
      errors.push(invalidValue(where.child("number"), number, message));
  else errors.push(required(at, "port name or number is required"));
  return errors;
}

export function validateIngressStatus({ status }: Ingress): FieldError[] {
  const at = path("status", "loadBalancer", "ingress");
  return (status?.loadBalancer?.ingress ?? []).flatMap((item, i) => {
    const errors: FieldError[] = [];
    if (item.ip) errors.push(...check(ipAddress, item.ip, at.index(i).child("ip")));
    if (item.hostname) {
      errors.push(...check(dnsSubdomain, item.hostname, at.index(i).child("hostname")));
      if (familyOf(item.hostname))
        errors.push(
          invalidValue(at.index(i).child("hostname"), item.hostname, "must be a DNS name, not an IP address"),
        );
    }
    return errors;
  });
}
