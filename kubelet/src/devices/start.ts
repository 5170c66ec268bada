import { resourceSlices } from "@coracle/shared/api/resources.ts";
import type { KubeletContext } from "../context.ts";
import type { PodManager } from "../pod-manager.ts";
import { nodePath } from "../volumes/host-path.ts";
import { createPlugins, type Plugins } from "./plugins.ts";
import { followSockets } from "./sockets.ts";

/** Where plugins show that they are there, on the node's own file system. */
const registryPath = "/var/lib/kubelet/plugins_registry";

const retryMs = 5_000;

type NodeParts = Pick<KubeletContext, "client" | "storage" | "log" | "signal"> & {
  readonly node: { readonly name: string };
};

const place = async ({ storage }: Pick<NodeParts, "storage">, path: string): Promise<string> =>
  (await nodePath({ storage: (p) => storage.host(p) }, path)).here;

/** The node's drivers; their pods are looked at again when one comes. */
export function createNodePlugins(parts: NodeParts, pods: () => PodManager): Plugins {
  const { client, log, signal, node } = parts;
  const removeSlices = async (driver?: string): Promise<void> => {
    const fieldSelector = [`spec.nodeName=${node.name}`, ...(driver ? [`spec.driver=${driver}`] : [])].join(
      ",",
    );
    try {
      await client.deleteCollection(resourceSlices, { fieldSelector, signal });
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error, driver }, "devices of a driver that is gone are still published");
      setTimeout(() => void removeSlices(driver), retryMs).unref();
    }
  };
  return createPlugins({
    place: (path) => place(parts, path),
    onRegistered: () => {
      for (const run of pods().runs())
        if (run.pod.spec?.resourceClaims?.length && !run.devicesReady) pods().wake(run.uid);
    },
    onGone: (driver) => void removeSlices(driver),
    log,
  });
}

/** Takes registrations, once what a driver of an earlier time has published is gone: it may never come back. */
export async function serveDevices(ctx: KubeletContext, plugins: Plugins, pods: PodManager): Promise<void> {
  const { client, node, log, signal } = ctx;
  await client
    .deleteCollection(resourceSlices, { fieldSelector: `spec.nodeName=${node.name}`, signal })
    .catch((error: unknown) => log.warn({ err: error }, "devices of an earlier time are still published"));
  await followSockets(await place(ctx, registryPath), plugins, log, signal);
  signal.addEventListener("abort", () => plugins.close(), { once: true });
  // Pods that went while no kubelet was there, and left nothing else behind.
  const release = async (): Promise<void> => {
    for (const uid of ctx.devices.users())
      if (!pods.get(uid))
        await ctx.devices.unprepare(uid).catch((error: unknown) => {
          log.warn({ err: error, pod: uid }, "devices of a pod that is gone are not given back yet");
        });
  };
  await release();
  const timer = setInterval(() => void release(), 60_000).unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
