import type { Secret, ServiceAccount } from "@coracle/shared/api/generated/core-v1.ts";
import { secrets, serviceAccounts } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { namespaceTerminating } from "../pods/control.ts";
import { randomSuffix } from "../rollout/hash.ts";

/** Signs the claims of a long-lived ServiceAccount token. */
export type TokenSigner = (claims: Readonly<Record<string, string>>) => Promise<string>;

export interface TokenSettings {
  readonly sign: TokenSigner;
  readonly rootCa: string;
}

const TYPE = "kubernetes.io/service-account-token";
const ACCOUNT_NAME = "kubernetes.io/service-account.name";
const ACCOUNT_UID = "kubernetes.io/service-account.uid";
const ACCOUNTS = "account:";

/** Which token Secrets belong to which account, learned by reading them: notices of Secrets carry no annotations. */
type TokensByAccount = Map<string, Set<string>>;

/**
 * Gives every ServiceAccount a Secret with a token, listed in its `secrets`, and fills the token Secrets that were asked for by
 * annotation. Keys are `account:ns/name` for accounts and `ns/name` for Secrets.
 */
export function serviceAccountTokensController(settings: TokenSettings): Controller {
  const tokens: TokensByAccount = new Map();
  return defineController({
    name: "service-account-tokens",
    for: secrets,
    watches: [
      {
        resource: serviceAccounts,
        keys: ({ metadata }) => [`${ACCOUNTS}${metadata.namespace}/${metadata.name}`],
      },
    ],
    async reconcile(key, ctx): Promise<Result> {
      if (key.startsWith(ACCOUNTS)) await syncAccount(ctx, settings, tokens, key.slice(ACCOUNTS.length));
      else await syncSecret(ctx, settings, tokens, key);
    },
  });
}

async function syncAccount(
  ctx: ControllerContext,
  settings: TokenSettings,
  tokens: TokensByAccount,
  key: string,
): Promise<void> {
  for (const secret of tokens.get(key) ?? []) await syncSecret(ctx, settings, tokens, secret);
  const account = ctx.informers.for(serviceAccounts).get(key);
  if (!account || account.metadata.deletionTimestamp !== undefined) return;
  const isToken = (name: string | undefined): boolean =>
    ctx.informers.for(secrets).get(`${account.metadata.namespace}/${name}`)?.type === TYPE;
  if (!(account.secrets ?? []).some((reference) => isToken(reference.name)))
    await addToken(ctx, settings, account);
}

/**
 * Makes the automatic token Secret. The account is written last, against the version that had none: when that fails the Secret is
 * taken back, so that two racing writers do not leave two.
 */
async function addToken(
  ctx: ControllerContext,
  settings: TokenSettings,
  seen: ServiceAccount,
): Promise<void> {
  const { name = "", namespace = "" } = seen.metadata;
  const account = await ctx.client
    .get(serviceAccounts, { name, namespace }, { signal: ctx.signal })
    .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error)));
  if (account?.metadata.resourceVersion !== seen.metadata.resourceVersion) return;
  for (const reference of account?.secrets ?? []) {
    const existing = await readSecret(ctx, namespace, reference.name ?? "");
    if (existing?.type === TYPE) return;
  }
  const secretName = `${name.slice(0, 240)}-token-${randomSuffix(5)}`;
  const secret = await filled(settings, seen, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: secretName, namespace },
    type: TYPE,
  });
  try {
    await ctx.client.create(secrets, secret, { signal: ctx.signal });
  } catch (error) {
    if (namespaceTerminating(error)) return;
    throw error;
  }
  const listed = [...(account?.secrets ?? []), { name: secretName }];
  try {
    await ctx.client.update(serviceAccounts, { ...seen, secrets: listed }, { signal: ctx.signal });
  } catch (error) {
    await ctx.client.delete(secrets, { name: secretName, namespace }, { signal: ctx.signal });
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

const readSecret = (ctx: ControllerContext, namespace: string, name: string): Promise<Secret | undefined> =>
  ctx.client.get(secrets, { name, namespace }, { signal: ctx.signal }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });

/** The Secret with the account's token, its namespace and the cluster's certificate authority. */
async function filled(settings: TokenSettings, account: ServiceAccount, secret: Secret): Promise<Secret> {
  const { name = "", namespace = "", uid = "" } = account.metadata;
  const token =
    secret.data?.["token"] ??
    encode(
      await settings.sign({
        iss: "kubernetes/serviceaccount",
        sub: `system:serviceaccount:${namespace}:${name}`,
        "kubernetes.io/serviceaccount/namespace": namespace,
        "kubernetes.io/serviceaccount/secret.name": secret.metadata.name ?? "",
        "kubernetes.io/serviceaccount/service-account.name": name,
        "kubernetes.io/serviceaccount/service-account.uid": uid,
      }),
    );
  return {
    ...secret,
    metadata: {
      ...secret.metadata,
      annotations: { ...secret.metadata.annotations, [ACCOUNT_NAME]: name, [ACCOUNT_UID]: uid },
    },
    data: {
      ...secret.data,
      token,
      namespace: secret.data?.["namespace"] ?? encode(namespace),
      "ca.crt": encode(settings.rootCa),
    },
  };
}

const encode = (text: string): string => Buffer.from(text).toString("base64");

async function syncSecret(
  ctx: ControllerContext,
  settings: TokenSettings,
  tokens: TokensByAccount,
  key: string,
): Promise<void> {
  const notice = ctx.informers.for(secrets).get(key);
  if (!notice) for (const of of tokens.values()) of.delete(key);
  if (notice?.type !== TYPE) return;
  const secret = await readSecret(ctx, notice.metadata.namespace ?? "", notice.metadata.name ?? "");
  if (!secret || secret.metadata.deletionTimestamp !== undefined) return;
  const accountKey = `${secret.metadata.namespace}/${secret.metadata.annotations?.[ACCOUNT_NAME] ?? ""}`;
  tokens.set(accountKey, (tokens.get(accountKey) ?? new Set<string>()).add(key));
  const account = ctx.informers.for(serviceAccounts).get(accountKey);
  const uid = secret.metadata.annotations?.[ACCOUNT_UID];
  if (!account || (uid && uid !== account.metadata.uid)) return removeStale(ctx, secret);
  const complete =
    secret.data?.["token"] &&
    secret.data["namespace"] &&
    secret.data["ca.crt"] === encode(settings.rootCa) &&
    uid === account.metadata.uid;
  if (!complete)
    await ctx.client.update(secrets, await filled(settings, account, secret), { signal: ctx.signal });
}

/** A token whose account is gone (really: not just unseen) is worthless and goes. */
async function removeStale(ctx: ControllerContext, secret: Secret): Promise<void> {
  const { namespace, name = "", uid, annotations } = secret.metadata;
  const account = await ctx.client
    .get(serviceAccounts, { name: annotations?.[ACCOUNT_NAME] ?? "", namespace }, { signal: ctx.signal })
    .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error)));
  const wanted = annotations?.[ACCOUNT_UID];
  if (account && (!wanted || account.metadata.uid === wanted)) return;
  await ctx.client
    .delete(secrets, { name, namespace }, { signal: ctx.signal, preconditions: { uid } })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}
