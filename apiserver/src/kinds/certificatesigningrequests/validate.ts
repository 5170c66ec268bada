import { X509Certificate } from "node:crypto";
import type { CertificateSigningRequest } from "@coracle/shared/api/generated/certificates-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, dnsSubdomain } from "../shared/names.ts";

const root = path("spec");
const status = path("status");

const usages = [
  "any",
  "cert sign",
  "client auth",
  "code signing",
  "content commitment",
  "crl sign",
  "data encipherment",
  "decipher only",
  "digital signature",
  "email protection",
  "encipher only",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "key agreement",
  "key encipherment",
  "microsoft sgc",
  "netscape sgc",
  "ocsp signing",
  "s/mime",
  "server auth",
  "signing",
  "timestamping",
];

export function validateRequest({ spec, status: given }: CertificateSigningRequest): FieldError[] {
  const errors = validatePEM(spec?.request);
  const names = spec?.usages ?? [];
  if (names.length === 0) errors.push(required(root.child("usages")));
  names.forEach((usage, i) => {
    if (!usages.includes(usage)) errors.push(notSupported(root.child("usages").index(i), usage, usages));
    if (names.indexOf(usage) !== i) errors.push(duplicate(root.child("usages").index(i), usage));
  });
  const seconds = spec?.expirationSeconds;
  if (seconds !== undefined && seconds < 600)
    errors.push(
      invalidValue(
        root.child("expirationSeconds"),
        seconds,
        "may not specify a duration less than 600 seconds (10 minutes)",
      ),
    );
  return [...errors, ...validateSigner(spec?.signerName ?? ""), ...validateConditions(given)];
}

function validatePEM(request: string | undefined): FieldError[] {
  const at = root.child("request");
  if (!request) return [invalidValue(at, null, "PEM block type must be CERTIFICATE REQUEST")];
  const text = Buffer.from(request, "base64").toString("latin1");
  return /-----BEGIN CERTIFICATE REQUEST-----[\s\S]+-----END CERTIFICATE REQUEST-----/.test(text)
    ? []
    : [invalidValue(at, "<request>", "PEM block type must be CERTIFICATE REQUEST")];
}

/** `domain/path`: who is meant to sign. */
function validateSigner(name: string): FieldError[] {
  const at = root.child("signerName");
  if (!name) return [required(at)];
  if (name === "kubernetes.io/legacy-unknown")
    return [invalidValue(at, name, "the legacy signerName is not allowed via this API version")];
  const [domain = "", ...rest] = name.split("/");
  const tail = rest.join("/");
  if (rest.length === 0 || !tail)
    return [
      invalidValue(
        at,
        name,
        'must be a fully qualified domain and path of the form "example.com/signer-name"',
      ),
    ];
  const errors = check(dnsSubdomain, domain, at);
  if (!domain.includes("."))
    errors.push(invalidValue(at, domain, "should be a domain with at least two segments separated by dots"));
  for (const part of tail.split(".")) errors.push(...check(signerSegment, part, at));
  return errors;
}

const signerSegment = (part: string): string[] =>
  /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(:[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$/.test(part)
    ? []
    : [
        "must consist of alphanumeric characters, '-' or ':', and must start and end with an alphanumeric character",
      ];

function validateConditions(given: CertificateSigningRequest["status"]): FieldError[] {
  const at = status.child("conditions");
  const conditions = given?.conditions ?? [];
  const seen = new Set<string>();
  const errors = conditions.flatMap((condition, i) => {
    const where = at.index(i);
    const found: FieldError[] = [];
    if (!condition.type) found.push(required(where.child("type")));
    if (seen.has(condition.type)) found.push(duplicate(where.child("type"), condition.type));
    seen.add(condition.type);
    if (!condition.status) found.push(required(where.child("status")));
    else if (["Approved", "Denied", "Failed"].includes(condition.type) && condition.status !== "True")
      found.push(notSupported(where.child("status"), condition.status, ["True"]));
    return found;
  });
  if (seen.has("Approved") && seen.has("Denied"))
    errors.push(invalidValue(at, "Approved", "Approved and Denied conditions are mutually exclusive"));
  return errors;
}

/** Decisions stand: an approval or a denial can be added, not taken back; a certificate is issued once. */
export function validateRequestUpdate(
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
): FieldError[] {
  return [...validateConditions(csr.status), ...validateDecisions(csr, old)];
}

function validateDecisions(csr: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const at = status.child("conditions");
  const errors: FieldError[] = [];
  for (const type of ["Approved", "Denied", "Failed"]) {
    const count = (object: CertificateSigningRequest): number =>
      (object.status?.conditions ?? []).filter((c) => c.type === type).length;
    if (count(csr) < count(old))
      errors.push(forbiddenField(at, `updates may not remove a condition of type "${type}"`));
  }
  return errors;
}

export function validateRequestStatus(
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
): FieldError[] {
  const errors = validateRequestUpdate(csr, old);
  const at = status.child("conditions");
  // Approving is a permission of its own, with a subresource of its own.
  for (const type of ["Approved", "Denied"]) {
    const of = (object: CertificateSigningRequest): object | undefined =>
      object.status?.conditions?.find((c) => c.type === type);
    if (!of(old) && of(csr))
      errors.push(forbiddenField(at, `updates may not add a condition of type "${type}"`));
    else if (of(old) && of(csr) && !semanticEqual(of(old), of(csr)))
      errors.push(forbiddenField(at, `updates may not modify a condition of type "${type}"`));
  }
  if (old.status?.certificate && csr.status?.certificate !== old.status.certificate)
    errors.push(forbiddenField(status.child("certificate"), "updates may not change a certificate once set"));
  const wrong = csr.status?.certificate ? wrongChain(csr.status.certificate) : undefined;
  if (wrong) errors.push(invalidValue(status.child("certificate"), "<certificate data>", wrong));
  return errors;
}

const block = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([^-]*?)-----END \1-----/g;

/** What is wrong with an issued chain, as a client would find when it reads the PEM text. */
function wrongChain(base64: string): string | undefined {
  const text = Buffer.from(base64, "base64").toString("latin1");
  let count = 0;
  for (const [pem, type, body = ""] of text.matchAll(block)) {
    if (type !== "CERTIFICATE")
      return "only CERTIFICATE PEM blocks are allowed, found " + JSON.stringify(type);
    if (body.includes(":")) return "no PEM block headers are permitted";
    try {
      void new X509Certificate(pem);
      count++;
    } catch {
      return "found CERTIFICATE PEM block containing 0 certificates";
    }
  }
  return count === 0 ? "must contain at least one CERTIFICATE PEM block" : undefined;
}
