import { describe, expect, test } from "vitest";
import type { CertificateSigningRequest } from "@coracle/shared/api/generated/certificates-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { certificateSigningRequests } from "./kind.ts";

const kind = certificateSigningRequests;
const pemOf = (type: string, body: string): string =>
  `-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`;
const pem = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
const request = Buffer.from(pem).toString("base64");
const body = {
  spec: {
    request,
    signerName: "kubernetes.io/kube-apiserver-client",
    usages: ["client auth"],
    username: "root",
  },
};
const decide = (type: string) => (csr: CertificateSigningRequest) => {
  csr.status = { conditions: [...(csr.status?.conditions ?? []), { type, status: "True" }] };
};

test("the requester is who asked", () => {
  expect(created(kind, body)["spec"]).toMatchObject({ username: "alice", groups: ["system:authenticated"] });
});

test("refusals", () => {
  expect(refusals(kind, body)).toEqual([]);
  const bad = { spec: { request: "YQ==", signerName: "me", usages: ["spying"], expirationSeconds: 60 } };
  expect(refusals(kind, bad).map((line) => line.split(": supported")[0])).toEqual([
    'spec.request: Invalid value: "<request>": PEM block type must be CERTIFICATE REQUEST',
    'spec.usages[0]: Unsupported value: "spying"',
    "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)",
    'spec.signerName: Invalid value: "me": must be a fully qualified domain and path of the form "example.com/signer-name"',
  ]);
});

test("the signer of old requests is asked no more", () => {
  const spec = { ...body.spec, signerName: "kubernetes.io/legacy-unknown" };
  expect(refusals(kind, { spec })).toEqual([
    'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
  ]);
});

describe("a decision", () => {
  test("is made through approval, and stamped", () => {
    let stamped: CertificateSigningRequest | undefined;
    const approve = (csr: CertificateSigningRequest): void => {
      decide("Approved")(csr);
      stamped = csr;
    };
    expect(updateRefusals(kind, body, approve as never, { subresource: "approval" })).toEqual([]);
    expect(stamped?.status?.conditions?.[0]).toMatchObject({ lastTransitionTime: "2026-11-23T12:00:00Z" });
  });

  test("changes nothing but the conditions: who may approve may not sign", () => {
    let next: CertificateSigningRequest | undefined;
    const sign = (csr: CertificateSigningRequest): void => {
      decide("Approved")(csr);
      csr.status = { ...csr.status, certificate: "AAAA" };
      next = csr;
    };
    expect(updateRefusals(kind, body, sign as never, { subresource: "approval" })).toEqual([]);
    expect(next?.status?.certificate).toBeUndefined();
    expect(next?.status?.conditions).toHaveLength(1);
  });

  test("is not made through status", () => {
    expect(updateRefusals(kind, body, decide("Approved") as never, { subresource: "status" })).toEqual([
      'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
    ]);
  });

  test.each([
    ["nothing", "AAAA", "must contain at least one CERTIFICATE PEM block"],
    ["a key", pemOf("PRIVATE KEY", "AAAA"), 'only CERTIFICATE PEM blocks are allowed, found "PRIVATE KEY"'],
    ["no certificate", pemOf("CERTIFICATE", "AAAA"), "found CERTIFICATE PEM block containing 0 certificates"],
  ])("is a chain of certificates, not %s", (_what, text, why) => {
    const issue = (csr: CertificateSigningRequest): void => {
      csr.status = { certificate: Buffer.from(text).toString("base64") };
    };
    expect(updateRefusals(kind, body, issue as never, { subresource: "status" })).toEqual([
      `status.certificate: Invalid value: "<certificate data>": ${why}`,
    ]);
  });

  test("cannot be both", () => {
    const both = (csr: CertificateSigningRequest): void => {
      decide("Approved")(csr);
      decide("Denied")(csr);
    };
    expect(updateRefusals(kind, body, both as never, { subresource: "approval" })).toEqual([
      'status.conditions: Invalid value: "Approved": Approved and Denied conditions are mutually exclusive',
    ]);
  });
});

test("a line", () => {
  expect(columnNames(kind)).toBe("NAME AGE SIGNERNAME REQUESTOR REQUESTEDDURATION CONDITION");
  const status = { conditions: [{ type: "Approved", status: "True" }], certificate: "AAAA" };
  expect(row(kind, { spec: { ...body.spec, expirationSeconds: 3600 }, status })).toMatchObject({
    REQUESTOR: "root",
    REQUESTEDDURATION: "60m",
    CONDITION: "Approved,Issued",
  });
  expect(row(kind, body)).toMatchObject({ REQUESTEDDURATION: "<none>", CONDITION: "Pending" });
});
