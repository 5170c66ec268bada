import type { Secret } from "@coracle/shared/api/generated/core-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { secrets as kind } from "../kinds/secrets/kind.ts";
import type { Registry } from "../registry/registry.ts";
import { rewriteObject } from "../registry/rewrite.ts";

const lastUsed = "kubernetes.io/legacy-token-last-used";
/** Says that nobody has used a token for so long that it is not accepted any more. */
const invalidSince = "kubernetes.io/legacy-token-invalid-since";

export const isInvalidated = ({ metadata }: Secret): boolean => metadata.labels?.[invalidSince] !== undefined;

/** Says since when the uses of tokens kept in Secrets are noted: what was used before that nobody knows. */
export const trackingConfigMap = (now: Date): KubeObject & { data: object } => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
  data: { since: dayOf(now) },
});

const dayOf = (time: Date): string => time.toISOString().slice(0, 10);

export interface LegacyTokenParts {
  readonly registry: () => Registry;
  readonly now: () => Date;
  readonly log?: Logger | undefined;
}

/** Notes on its Secret, once a day, that a token was used. The request does not wait for that. */
export function createLegacyTokenTracker({ registry, now, log }: LegacyTokenParts): (secret: Secret) => void {
  const underWay = new Set<string>();
  return ({ metadata }) => {
    const { name = "", namespace = "", uid = "" } = metadata;
    const today = dayOf(now());
    if (metadata.labels?.[lastUsed] === today || underWay.has(uid)) return;
    underWay.add(uid);
    const change = (object: KubeObject): void => {
      object.metadata.labels = { ...object.metadata.labels, [lastUsed]: today };
    };
    rewriteObject(registry(), { kind, namespace, name, dryRun: false, change })
      .catch((error: unknown) =>
        log?.warn({ err: error, namespace, name }, "a token's use could not be noted"),
      )
      .finally(() => underWay.delete(uid));
  };
}
