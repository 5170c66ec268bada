import { fileURLToPath } from "node:url";
import { namespaces, pods } from "@coracle/shared/api/resources.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { createHttpsClient, kubeconfig, type HttpsClient } from "@coracle/shared/client/https.ts";
import { createWatchInformerFactory } from "@coracle/shared/informer/watch.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { isPodReady } from "@coracle/shared/meta/pods.ts";

export const image = process.env["CORACLE_BENCH_IMAGE"] ?? "busybox:1.36";
export const command = ["sleep", "3600"];
export const kubeconfigFile =
  process.env["KUBECONFIG"] ?? fileURLToPath(new URL("../.coracle/kubeconfig", import.meta.url));

export interface Bench extends AsyncDisposable {
  readonly client: HttpsClient;
  readonly namespace: string;
  readonly pods: Informer<Pod>;
  /** Resolves when as many pods as this are Ready, by watch. */
  ready(count: number): Promise<void>;
  /** Resolves when no pod is left. */
  empty(): Promise<void>;
}

/** A namespace of its own in the running cluster, and a watch on its pods. */
export async function openBench(): Promise<Bench> {
  const client = createHttpsClient(await kubeconfig(kubeconfigFile));
  const namespace = `bench-${Date.now().toString(36)}`;
  await client.create(namespaces, { metadata: { name: namespace } });
  const stop = new AbortController();
  const informers = createWatchInformerFactory({ client, log: createLogger("bench") });
  const cache = informers.for(pods, { namespace });
  await informers.start(stop.signal);

  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        off();
        resolve();
      };
      const off = cache.on({
        add: () => queueMicrotask(check),
        update: () => queueMicrotask(check),
        delete: () => queueMicrotask(check),
      });
      queueMicrotask(check);
    });
  const readyPods = (): number =>
    [...cache.list()].filter((p) => !p.metadata.deletionTimestamp && isPodReady(p)).length;

  // The default ServiceAccount must be there before the first pod.
  for (let left = 1_500; left > 0; left--) {
    const found = await client
      .request("GET", `/api/v1/namespaces/${namespace}/serviceaccounts/default`)
      .catch(() => undefined);
    if (found) break;
    await new Promise((r) => setTimeout(r, 20));
  }
  return {
    client,
    namespace,
    pods: cache,
    ready: (count) => until(() => readyPods() === count),
    empty: () => until(() => cache.size === 0),
    async [Symbol.asyncDispose]() {
      await client.delete(namespaces, { name: namespace });
      stop.abort();
    },
  };
}

export const benchPod = (name: string): Pod => ({
  metadata: { name },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "main", image, command }] },
});
