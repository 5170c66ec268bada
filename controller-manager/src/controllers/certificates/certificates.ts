import type { SubjectAccessReview } from "@coracle/shared/api/generated/authorization-v1.ts";
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "@coracle/shared/api/generated/certificates-v1.ts";
import { certificateSigningRequests, subjectAccessReviews } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { isTrue, timestamp } from "../../conditions.ts";
import { messageOf } from "../../pods/control.ts";
import { recognize, refusal, SIGNERS } from "./rules.ts";
import { createSigner, endOf, readRequest, type ReadRequest, type Signer } from "./x509.ts";

const DEFAULT_SECONDS = 365 * 24 * 3600;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const find = (ctx: ControllerContext, key: string): CertificateSigningRequest | undefined =>
  ctx.informers.for(certificateSigningRequests).get(key);
const decided = (csr: CertificateSigningRequest): boolean =>
  isTrue(csr.status?.conditions, "Approved") || isTrue(csr.status?.conditions, "Denied");

/** Approves the client certificates kubelets may have without asking anybody. */
export const certificateApprover = (): Controller =>
  defineController({
    name: "csr-approving",
    for: certificateSigningRequests,
    async reconcile(key, ctx): Promise<Result> {
      const csr = find(ctx, key);
      if (!csr || csr.status?.certificate || decided(csr)) return;
      const request = tryRead(csr);
      const recognized = request && recognize(csr, request);
      if (!recognized || !(await isAllowed(ctx, csr, recognized.permission))) return;
      await addCondition(ctx, csr, "approval", {
        type: "Approved",
        reason: "AutoApproved",
        message: recognized.message,
      });
    },
  });

const tryRead = (csr: CertificateSigningRequest): ReadRequest | undefined => {
  try {
    return readRequest(csr.spec.request);
  } catch {
    // Validation lets only well-formed requests in; one that still cannot be read is nobody's to approve.
    return undefined;
  }
};

async function isAllowed(
  ctx: ControllerContext,
  csr: CertificateSigningRequest,
  subresource: string,
): Promise<boolean> {
  const { username, uid, groups, extra } = csr.spec;
  const review: SubjectAccessReview = await ctx.client.create(
    subjectAccessReviews,
    {
      metadata: {},
      spec: {
        user: username,
        uid,
        groups,
        extra,
        resourceAttributes: {
          group: "certificates.k8s.io",
          resource: "certificatesigningrequests",
          verb: "create",
          subresource,
        },
      },
    },
    { signal: ctx.signal },
  );
  return review.status?.allowed ?? false;
}

async function addCondition(
  ctx: ControllerContext,
  csr: CertificateSigningRequest,
  subresource: "approval" | "status",
  next: { type: string; reason: string; message: string },
): Promise<void> {
  const at = timestamp(ctx.clock.now());
  const condition: CertificateSigningRequestCondition = {
    ...next,
    status: "True",
    lastUpdateTime: at,
    lastTransitionTime: at,
  };
  const conditions = [...(csr.status?.conditions ?? []), condition];
  await ctx.client.update(
    certificateSigningRequests,
    { ...csr, status: { ...csr.status, conditions } },
    { subresource, signal: ctx.signal },
  );
}

export interface SignerFiles {
  readonly ca: string;
  readonly key: string;
}

/** Signs approved requests for the built-in signers with the cluster's authority. */
export function certificateSigner(files: SignerFiles): Controller {
  let signer: Promise<Signer> | undefined;
  return defineController({
    name: "csr-signing",
    for: certificateSigningRequests,
    async reconcile(key, ctx): Promise<Result> {
      const csr = find(ctx, key);
      if (!csr || !SIGNERS.has(csr.spec.signerName) || csr.status?.certificate) return;
      const { conditions } = csr.status ?? {};
      if (!isTrue(conditions, "Approved") || isTrue(conditions, "Denied") || isTrue(conditions, "Failed"))
        return;
      const fail = (message: string): Promise<void> =>
        addCondition(ctx, csr, "status", { type: "Failed", reason: "SignerValidationFailure", message });
      let request: ReadRequest;
      try {
        request = readRequest(csr.spec.request);
      } catch (error) {
        return fail(`unable to parse csr: ${messageOf(error)}`);
      }
      const why = refusal(csr, request);
      if (why !== undefined) return fail(why);
      signer ??= createSigner(files.ca, files.key);
      const certificate = await issue(await signer, csr, request, ctx.clock.now());
      await ctx.client.update(
        certificateSigningRequests,
        { ...csr, status: { ...csr.status, certificate } },
        { subresource: "status", signal: ctx.signal },
      );
    },
  });
}

function issue(
  signer: Signer,
  csr: CertificateSigningRequest,
  request: ReadRequest,
  now: number,
): Promise<string> {
  const asked = csr.spec.expirationSeconds ?? DEFAULT_SECONDS;
  const seconds = Math.max(600, Math.min(asked, DEFAULT_SECONDS));
  const end = Math.min(now + seconds * 1000, signer.expires.getTime());
  return signer.sign(request, csr.spec.usages ?? [], new Date(end), new Date(now));
}

/** When a request has outlived its use; undefined: never. Upstream's times. Pure. */
export function staleAt(csr: CertificateSigningRequest): number | undefined {
  const { conditions, certificate } = csr.status ?? {};
  const at = (type: string): number | undefined => {
    const c = conditions?.find((x) => x.type === type && x.status === "True");
    return c && Date.parse(c.lastUpdateTime ?? c.lastTransitionTime ?? "");
  };
  const times: number[] = [];
  if (certificate) {
    const end = endOf(certificate);
    if (end !== undefined) times.push(end);
  }
  const approved = at("Approved");
  if (approved !== undefined) times.push(approved + HOUR);
  for (const type of ["Denied", "Failed"]) {
    const when = at(type);
    if (when !== undefined) times.push(when + HOUR);
  }
  if ((conditions ?? []).length === 0 && !certificate)
    times.push(Date.parse(csr.metadata.creationTimestamp ?? "") + 24 * HOUR);
  const valid = times.filter((t) => !Number.isNaN(t));
  return valid.length > 0 ? Math.min(...valid) : undefined;
}

/** Deletes requests that nobody needs any more. */
export const certificateCleaner = (): Controller =>
  defineController({
    name: "csr-cleaner",
    for: certificateSigningRequests,
    async reconcile(key, ctx): Promise<Result> {
      const csr = find(ctx, key);
      const at = csr && staleAt(csr);
      if (!csr || at === undefined) return undefined;
      const left = at - ctx.clock.now();
      if (left > 0) return { requeueAfterMs: left };
      await ctx.client
        .delete(
          certificateSigningRequests,
          { name: key },
          { signal: ctx.signal, preconditions: { uid: csr.metadata.uid } },
        )
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
      return undefined;
    },
  });
