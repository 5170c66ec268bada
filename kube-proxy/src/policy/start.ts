import { namespaces, networkPolicies, pods } from "@coracle/shared/api/resources.ts";
import type { InformerFactory } from "@coracle/shared/informer/informer.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { startEnforcer } from "./enforcer.ts";
import { removal } from "./ruleset.ts";

export interface PolicyOptions {
  readonly nodeName: string;
  readonly informers: InformerFactory;
  readonly run: (commands: string) => Promise<string>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Enforces NetworkPolicies on the node's pods, from the first policy on: before that nothing is kept of the cluster's pods, which
 * would be most of what this process holds. To be called once the factory has started.
 */
export async function startPolicies({ informers, ...options }: PolicyOptions): Promise<void> {
  const { log, run, signal } = options;
  const policies = informers.for(networkPolicies);
  policies.addIndex("namespace", ({ metadata }) => [metadata.namespace ?? ""]);
  let begun = false;
  const begin = async (): Promise<void> => {
    const [podCache, namespaceCache] = [informers.for(pods), informers.for(namespaces)];
    podCache.addIndex("namespace", ({ metadata }) => [metadata.namespace ?? ""]);
    podCache.addIndex("node", ({ spec }) => [spec?.nodeName ?? ""]);
    await informers.start(signal);
    startEnforcer({ ...options, policies, pods: podCache, namespaces: namespaceCache });
  };
  policies.on({
    add() {
      if (begun) return;
      begun = true;
      begin().catch((error: unknown) => signal.aborted || log.error({ err: error }, "no network policies"));
    },
  });
  await informers.start(signal);
  // What the process before this one left, when the last policy went meanwhile.
  if (!begun) await run(removal);
}
