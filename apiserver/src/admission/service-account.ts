import type { Container, Pod, ServiceAccount, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { generateName } from "../registry/names.ts";
import { notMountable } from "./mountable-secrets.ts";
import {
  annotationsOf,
  cached,
  isFor,
  objectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "./plugin.ts";

const mirror = "kubernetes.io/config.mirror";
const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const volumePrefix = "kube-api-access-";
/** An hour and seven seconds: tells the issuer that the token was not asked for by the pod's author. */
const tokenSeconds = 3607;
const patienceMs = 2_000;

/** On an account: its pods may use no Secret that it does not list. */
const enforceMountable = "kubernetes.io/enforce-mountable-secrets";

/** A pod runs as a ServiceAccount, and finds that account's token in a volume. */
export const serviceAccount: AdmissionPlugin = {
  name: "ServiceAccount",
  handles: (a) => a.operation === "CREATE" && isFor(a, "pods"),
  async mutate(a, ctx) {
    const pod = objectOf<Pod>(a);
    const spec = pod.spec;
    if (!spec || annotationsOf(pod)[mirror] !== undefined) return;
    spec.serviceAccountName ||= "default";
    spec.serviceAccount = spec.serviceAccountName;
    const account = await demandAccount(a, ctx, spec.serviceAccountName);
    if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod);
    if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
      spec.imagePullSecrets = account.imagePullSecrets.map(({ name }) => ({ name }));
    }
  },
  async validate(a, ctx) {
    const pod = objectOf<Pod>(a);
    if (annotationsOf(pod)[mirror] !== undefined) return checkMirror(a, pod);
    const account = await demandAccount(a, ctx, pod.spec?.serviceAccountName ?? "");
    if (/^(1|t|true)$/i.test(account.metadata.annotations?.[enforceMountable] ?? "")) {
      const why = notMountable(pod, account);
      if (why) throw refuse(a, why);
    }
  },
};

function checkMirror(a: Attributes, pod: Pod): void {
  if (pod.spec?.serviceAccountName) throw refuse(a, "a mirror pod may not reference service accounts");
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.secret) throw refuse(a, "a mirror pod may not reference secrets");
    if (volume.projected?.sources?.some((s) => s.serviceAccountToken)) {
      throw refuse(a, "a mirror pod may not use ServiceAccountToken volume projections");
    }
  }
}

async function demandAccount(a: Attributes, ctx: AdmissionContext, name: string): Promise<ServiceAccount> {
  const known = cached<ServiceAccount>(ctx, "serviceaccounts", a.namespace, name);
  if (known) return known;
  const account =
    (await storedAccount(a, ctx, name)) ?? (name === "default" ? await awaitAccount(a, ctx) : undefined);
  if (account) return account;
  throw refuse(
    a,
    `error looking up service account ${a.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
  );
}

async function storedAccount(
  a: Attributes,
  ctx: AdmissionContext,
  name: string,
): Promise<ServiceAccount | undefined> {
  const stored = await ctx.store.get({ resource: "serviceaccounts", namespace: a.namespace, name });
  return stored && (JSON.parse(stored.body) as ServiceAccount);
}

/** In a namespace made a moment ago the controller is just about to make the default account. */
async function awaitAccount(a: Attributes, ctx: AdmissionContext): Promise<ServiceAccount | undefined> {
  const { promise, resolve } = Promise.withResolvers<ServiceAccount | undefined>();
  const timer = setTimeout(() => resolve(undefined), patienceMs);
  const stop = ctx.cache.onChange(({ type, current }) => {
    const { resource, namespace, name } = current.key;
    if (resource !== "serviceaccounts" || namespace !== a.namespace || name !== "default") return;
    if (type !== "DELETED") resolve(current.object);
  });
  try {
    return cached<ServiceAccount>(ctx, "serviceaccounts", a.namespace, "default") ?? (await promise);
  } finally {
    stop();
    clearTimeout(timer);
  }
}

function mountToken(pod: Pod): void {
  const spec = pod.spec;
  if (!spec) return;
  const existing = spec.volumes?.find((v) => v.name.startsWith(volumePrefix));
  const name = existing?.name ?? generateName(volumePrefix);
  let needed = false;
  const mount = (container: Container): void => {
    if (container.volumeMounts?.some((m) => m.mountPath === mountPath)) return;
    needed = true;
    (container.volumeMounts ??= []).push({ name, mountPath, readOnly: true });
  };
  for (const container of spec.initContainers ?? []) mount(container);
  for (const container of (spec.containers as Container[] | undefined) ?? []) mount(container);
  if (needed && !existing) (spec.volumes ??= []).push(tokenVolume(name));
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: tokenSeconds } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  },
});
