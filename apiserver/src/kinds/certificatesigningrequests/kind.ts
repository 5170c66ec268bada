import type { CertificateSigningRequest } from "@coracle/shared/api/generated/certificates-v1.ts";
import { defineKind, type WriteContext } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, none, orNone } from "../shared/columns.ts";
import { humanDuration } from "../shared/duration.ts";
import { validateRequest, validateRequestStatus, validateRequestUpdate } from "./validate.ts";

export const certificateSigningRequests = defineKind<CertificateSigningRequest>({
  group: "certificates.k8s.io",
  kind: "CertificateSigningRequest",
  shortNames: ["csr"],
  namespaced: false,
  status: true,
  prepareForCreate,
  prepareForUpdate: (csr, old, ctx) => {
    // What was asked, and by whom, stays as it was.
    csr.spec = structuredClone(old.spec);
    if (ctx.subresource !== "approval") return;
    // Who may approve may not sign: of the status only the conditions are theirs.
    const { conditions } = csr.status ?? {};
    csr.status = { ...structuredClone(old.status), conditions };
    stampConditions(csr, old, ctx.now());
  },
  validate: validateRequest,
  validateUpdate: validateRequestUpdate,
  validateStatusUpdate: validateRequestStatus,
  selectableFields: { "spec.signerName": (csr) => csr.spec?.signerName ?? "" },
  columns: [
    nameColumn,
    ageColumn,
    column("SignerName", (csr) => orNone(csr.spec?.signerName)),
    column("Requestor", (csr) => csr.spec?.username ?? ""),
    column("RequestedDuration", (csr) =>
      csr.spec?.expirationSeconds === undefined ? none : humanDuration(csr.spec.expirationSeconds * 1000),
    ),
    column("Condition", conditionCell),
  ],
  subresources: ["approval"],
});

/** The requester is who sent the request, never who it says it is. */
function prepareForCreate(csr: CertificateSigningRequest, ctx: WriteContext): void {
  const { user } = ctx;
  const {
    username: _,
    uid: __,
    groups: ___,
    extra: ____,
    ...spec
  } = csr.spec ?? { request: "", signerName: "" };
  csr.spec = {
    ...spec,
    username: user.username,
    ...(user.uid ? { uid: user.uid } : {}),
    groups: [...user.groups],
    ...(user.extra
      ? { extra: Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]])) }
      : {}),
  };
  csr.status = {};
}

/** Conditions get the times of their change here; clients cannot give them. */
function stampConditions(csr: CertificateSigningRequest, old: CertificateSigningRequest, now: Date): void {
  const time = now.toISOString().replace(/\.\d+Z$/, "Z");
  for (const condition of csr.status?.conditions ?? []) {
    const before = old.status?.conditions?.find((c) => c.type === condition.type);
    condition.lastUpdateTime ??= time;
    const same = before && before.status === condition.status ? before : undefined;
    condition.lastTransitionTime ??= same?.lastTransitionTime ?? time;
  }
}

function conditionCell({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => status?.conditions?.some((c) => c.type === type) ?? false;
  const decision = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return `${decision}${has("Failed") ? ",Failed" : ""}${status?.certificate ? ",Issued" : ""}`;
}
