import { randomUUID } from "node:crypto";
import type { TokenRequest } from "@coracle/shared/api/generated/authentication-v1.ts";
import type { Pod, ServiceAccount } from "@coracle/shared/api/generated/core-v1.ts";
import { badRequest, conflict, invalid, notFound } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { SignJWT } from "jose";
import type { FieldError } from "../registry/field.ts";
import type { Lookup } from "./lookup.ts";
import type { TokenKeys } from "./keys.ts";

interface NameAndUid {
  readonly name: string;
  readonly uid: string;
}

/** The private claim `kubernetes.io` of a bound token. */
export interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: NameAndUid;
  readonly pod?: NameAndUid | undefined;
  readonly secret?: NameAndUid | undefined;
  readonly node?: { readonly name: string; readonly uid?: string | undefined } | undefined;
  /** When the token should be replaced although it is still good: it replaced one that never expired. */
  readonly warnafter?: number | undefined;
}

export interface IssuedToken {
  readonly token: string;
  readonly expires: Date;
}

export interface TokenIssuerParts {
  readonly keys: TokenKeys;
  readonly issuer: string;
  readonly lookup: Lookup;
  readonly now: () => Date;
}

const hour = 3600;
const maxSeconds = 2 ** 32;
/** Kubelets ask for this much when a pod projects its token the automatic way; such tokens live for a year, as upstream. */
const warnSeconds = hour + 7;
const extendedSeconds = 365 * 24 * hour;

export interface TokenIssuer {
  issue(
    claims: KubernetesClaims,
    options: { audiences: readonly string[]; seconds: number },
  ): Promise<IssuedToken>;
  /** POST …/serviceaccounts/<name>/token. @returns the request with its status. */
  request(account: ServiceAccount, body: TokenRequest): Promise<TokenRequest>;
}

export function createTokenIssuer(parts: TokenIssuerParts): TokenIssuer {
  const { keys, issuer, now } = parts;
  const issue: TokenIssuer["issue"] = async (claims, { audiences, seconds }) => {
    const at = Math.floor(now().getTime() / 1000);
    const token = await new SignJWT({ "kubernetes.io": claims })
      .setProtectedHeader({ alg: keys.signing.algorithm, kid: keys.signing.id })
      .setIssuer(issuer)
      .setSubject(`system:serviceaccount:${claims.namespace}:${claims.serviceaccount.name}`)
      .setAudience([...audiences])
      .setIssuedAt(at)
      .setNotBefore(at)
      .setExpirationTime(at + seconds)
      .setJti(randomUUID())
      .sign(keys.signing.key);
    return { token, expires: new Date((at + seconds) * 1000) };
  };
  return {
    issue,
    async request(account, body) {
      const spec = { ...body.spec };
      const audiences = spec.audiences?.length ? spec.audiences : [issuer];
      const requested = spec.expirationSeconds ?? hour;
      validate(account.metadata.name ?? "", requested);
      const bound = await bind(parts.lookup, account, spec.boundObjectRef);
      const extended = requested === warnSeconds && bound.pod !== undefined && audiences[0] === issuer;
      const at = Math.floor(now().getTime() / 1000);
      const claims: KubernetesClaims = {
        namespace: account.metadata.namespace ?? "",
        serviceaccount: { name: account.metadata.name ?? "", uid: account.metadata.uid ?? "" },
        ...bound,
        ...(extended ? { warnafter: at + requested } : {}),
      };
      const { token } = await issue(claims, { audiences, seconds: extended ? extendedSeconds : requested });
      // An extended token is reported with the short life, so that a kubelet renews it all the same.
      const expirationTimestamp = `${new Date((at + requested) * 1000).toISOString().slice(0, 19)}Z`;
      return {
        ...body,
        metadata: {
          ...body.metadata,
          name: account.metadata.name,
          namespace: account.metadata.namespace,
          creationTimestamp: `${now().toISOString().slice(0, 19)}Z`,
        },
        spec: { ...spec, audiences, expirationSeconds: requested },
        status: { token, expirationTimestamp },
      };
    },
  };
}

function validate(name: string, seconds: number): void {
  const causes: FieldError[] = [];
  const fail = (detail: string): void =>
    void causes.push({
      reason: "FieldValueInvalid",
      field: "spec.expirationSeconds",
      message: `Invalid value: ${seconds}: ${detail}`,
    });
  if (seconds < 600) fail("may not specify a duration less than 10 minutes");
  if (seconds > maxSeconds) fail("may not specify a duration larger than 2^32 seconds");
  if (causes.length > 0) throw invalid("authentication.k8s.io", "TokenRequest", name, causes);
}

type Bound = Pick<KubernetesClaims, "pod" | "secret" | "node">;

/** Finds the object a token is to live as long as. */
async function bind(
  lookup: Lookup,
  account: ServiceAccount,
  ref: NonNullable<TokenRequest["spec"]>["boundObjectRef"],
): Promise<Bound> {
  if (!ref) return {};
  const namespace = account.metadata.namespace ?? "";
  const resource = { Pod: "pods", Secret: "secrets", Node: "nodes" }[ref.kind ?? ""];
  if (!resource || ref.apiVersion !== "v1") {
    throw badRequest(`cannot bind token to object of type ${typeText(ref)}`);
  }
  const name = ref.name ?? "";
  const object = await lookup({ resource, namespace: resource === "nodes" ? "" : namespace, name });
  if (!object) throw notFound({ group: "", resource }, name);
  const uid = object.metadata.uid ?? "";
  if (ref.uid && ref.uid !== uid) {
    throw conflict(
      { group: "", resource: ref.kind ?? "" },
      name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (resource === "nodes") return { node: { name, uid } };
  if (resource === "secrets") return { secret: { name, uid } };
  const pod = object as unknown as Pod;
  if (pod.spec?.serviceAccountName !== account.metadata.name) {
    throw badRequest(
      `cannot bind token for serviceaccount "${account.metadata.name}" to pod running with different serviceaccount name.`,
    );
  }
  return { pod: { name, uid }, ...(await nodeOf(lookup, pod)) };
}

async function nodeOf(lookup: Lookup, pod: Pod): Promise<Bound> {
  const name = pod.spec?.nodeName;
  if (!name) return {};
  const node: KubeObject | undefined = await lookup({ resource: "nodes", namespace: "", name });
  return { node: { name, ...(node?.metadata.uid ? { uid: node.metadata.uid } : {}) } };
}

interface TypeText {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
}

/** `apps/v1, Kind=Deployment`, as messages have it. */
const typeText = ({ apiVersion = "", kind = "" }: TypeText): string =>
  `${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
