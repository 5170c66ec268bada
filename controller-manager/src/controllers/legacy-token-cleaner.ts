import { setTimeout as sleep } from "node:timers/promises";
import type { Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { configMaps, pods, secrets, serviceAccounts } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import type { Loop } from "../loop.ts";
import { messageOf } from "../pods/control.ts";

const LAST_USED = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since";
const TRACKING = { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" };
const ACCOUNT = "kubernetes.io/service-account.name";
const TYPE = "kubernetes.io/service-account-token";
const DAY_MS = 86_400_000;
/** A failure is not waited out for a day. */
const RETRY_MS = 60_000;

export interface CleanerOptions {
  /** How long a token may be unused until it is refused, and how long after that it is deleted. */
  readonly periodMs?: number;
  readonly everyMs?: number;
  readonly retryMs?: number;
}

/** Refuses, and later deletes, the tokens that were made by themselves for accounts and that nobody uses. */
export const legacyTokenCleaner = ({
  periodMs = 365 * DAY_MS,
  everyMs = DAY_MS,
  retryMs = RETRY_MS,
}: CleanerOptions = {}): Loop => ({
  name: "legacy-service-account-token-cleaner",
  async run(ctx) {
    while (!ctx.signal.aborted) {
      let waitMs = everyMs;
      await clean(ctx, new Date(ctx.clock.now() - periodMs)).catch((error: unknown) => {
        waitMs = Math.min(retryMs, everyMs);
        if (!ctx.signal.aborted)
          ctx.log.warn({ err: messageOf(error) }, "unused tokens could not be looked at");
      });
      await sleep(waitMs, undefined, { signal: ctx.signal, ref: false }).catch(() => undefined);
    }
  },
});

async function clean(ctx: ControllerContext, before: Date): Promise<void> {
  const { signal } = ctx;
  const tracking = await ctx.client.get(configMaps, TRACKING, { signal }).catch(absent);
  const since = tracking?.data?.["since"];
  // Of what happened before uses were noted nobody knows.
  if (since === undefined || since >= dayOf(before)) return;
  const { items } = await ctx.client.list(secrets, { fieldSelector: `type=${TYPE}`, signal });
  const mounted = createMounted(ctx);
  for (const secret of items) {
    const fate = fateOf(secret, before);
    if (fate === "keep" || (fate !== "revive" && (await isNeeded(ctx, secret, mounted)))) continue;
    await act(ctx, secret, fate).catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  }
}

export type Fate = "keep" | "revive" | "invalidate" | "delete";

/** What is to become of a token that was last used, or refused since, before a day. Pure. */
export function fateOf({ metadata }: Secret, before: Date): Fate {
  if (metadata.deletionTimestamp || Date.parse(metadata.creationTimestamp ?? "") > before.getTime())
    return "keep";
  const used = metadata.labels?.[LAST_USED];
  const invalid = metadata.labels?.[INVALID_SINCE];
  if (used !== undefined && used >= dayOf(before)) return invalid === undefined ? "keep" : "revive";
  if (invalid === undefined) return "invalidate";
  return invalid < dayOf(before) ? "delete" : "keep";
}

/** Only what its account lists was made by itself; what a pod mounts is in use, whether or not it is read. */
async function isNeeded(
  ctx: ControllerContext,
  { metadata }: Secret,
  mounted: (namespace: string) => Promise<ReadonlySet<string>>,
): Promise<boolean> {
  const { namespace = "", name, annotations } = metadata;
  const { signal } = ctx;
  const account = await ctx.client
    .get(serviceAccounts, { name: annotations?.[ACCOUNT] ?? "", namespace }, { signal })
    .catch(absent);
  if (!account?.secrets?.some((reference) => reference.name === name)) return true;
  return (await mounted(namespace)).has(name ?? "");
}

/** The Secrets that the pods of a namespace mount, listed once in a round. */
function createMounted({ client, signal }: ControllerContext): (namespace: string) => Promise<Set<string>> {
  const known = new Map<string, Set<string>>();
  return async (namespace) => {
    const before = known.get(namespace);
    if (before) return before;
    const { items } = await client.list(pods, { namespace, signal });
    const names = items.flatMap((pod) =>
      (pod.spec?.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []),
    );
    const found = new Set(names);
    known.set(namespace, found);
    return found;
  };
}

async function act(ctx: ControllerContext, { metadata }: Secret, fate: Fate): Promise<void> {
  const { name = "", namespace, uid, resourceVersion } = metadata;
  const { signal } = ctx;
  ctx.log.info({ namespace, secret: name, fate }, "a token that was made by itself is unused");
  if (fate === "delete") {
    await ctx.client.delete(
      secrets,
      { name, namespace },
      { signal, preconditions: { uid, resourceVersion } },
    );
    return;
  }
  const since = fate === "revive" ? null : dayOf(new Date(ctx.clock.now()));
  const body = { metadata: { uid, resourceVersion, labels: { [INVALID_SINCE]: since } } };
  await ctx.client.patch(secrets, { name, namespace }, { type: "merge", body }, { signal });
}

const dayOf = (time: Date): string => time.toISOString().slice(0, 10);

const absent = (error: unknown): undefined => {
  if (isNotFound(error)) return undefined;
  throw error;
};
