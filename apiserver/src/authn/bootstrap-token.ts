import { timingSafeEqual } from "node:crypto";
import type { Secret } from "@coracle/shared/api/generated/core-v1.ts";
import type { Lookup } from "../identity/lookup.ts";
import type { UserInfo } from "../request.ts";

/** Tokens of the form `id.secret` that let a node join, kept as Secrets of upstream's form. */
export interface BootstrapTokens {
  /** @returns the user the token stands for, or undefined when it is not (or no longer) good */
  verify(token: string): Promise<UserInfo | undefined>;
}

export const bootstrapGroup = "system:bootstrappers";
const namespace = "kube-system";
const form = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export const isBootstrapToken = (token: string): boolean => form.test(token);

export function createBootstrapTokens(lookup: Lookup, now: () => Date): BootstrapTokens {
  return {
    async verify(token) {
      const [, id, secret] = form.exec(token) ?? [];
      if (!id || !secret) return undefined;
      const stored = (await lookup({ resource: "secrets", namespace, name: `bootstrap-token-${id}` })) as
        | Secret
        | undefined;
      if (!stored || stored.metadata.deletionTimestamp || stored.type !== "bootstrap.kubernetes.io/token") {
        return undefined;
      }
      const data = (key: string): string => Buffer.from(stored.data?.[key] ?? "", "base64").toString("utf8");
      if (!equal(data("token-id"), id) || !equal(data("token-secret"), secret)) return undefined;
      if (data("usage-bootstrap-authentication") !== "true") return undefined;
      const expires = data("expiration");
      // A time that cannot be read counts as past.
      if (expires !== "" && !(Date.parse(expires) > now().getTime())) return undefined;
      const extra = data("auth-extra-groups").split(",").filter(Boolean);
      // One group it may not give makes the whole token a bad one, as upstream.
      if (!extra.every((g) => groupForm.test(g))) return undefined;
      return { username: `system:bootstrap:${id}`, groups: [bootstrapGroup, ...extra] };
    },
  };
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The Secret that makes a token of `init` known to the cluster; the API server sees to it at start. */
export function bootstrapTokenSecret(token: string): Secret {
  const [, id, secret] = form.exec(token.trim()) ?? [];
  if (!id || !secret) throw new Error("the bootstrap token is not of the form id.secret");
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `bootstrap-token-${id}`, namespace },
    type: "bootstrap.kubernetes.io/token",
    data: {
      "token-id": base64(id),
      "token-secret": base64(secret),
      "usage-bootstrap-authentication": base64("true"),
      "usage-bootstrap-signing": base64("true"),
      "auth-extra-groups": base64("system:bootstrappers:kubeadm:default-node-token"),
      description: base64("lets the nodes of this cluster join"),
    },
  };
}
