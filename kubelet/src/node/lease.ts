/** The node's heartbeat: a Lease in kube-node-lease, renewed every ten seconds (KEP-589). */
import { setTimeout as sleep } from "node:timers/promises";
import type { Lease } from "@coracle/shared/api/generated/coordination-v1.ts";
import { leases } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { isAlreadyExists, isConflict, isNotFound } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { formatMicroTime } from "@coracle/shared/meta/time.ts";

const NAMESPACE = "kube-node-lease";
const DURATION_SECONDS = 40;
const RENEW_MS = 10_000;
const RETRY_MS = 200;

/** Renews until `signal` aborts. `ownerUid` is the Node's, so that the Lease goes with it. */
export async function runLease(
  client: Client,
  node: string,
  ownerUid: () => string | undefined,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let held: Lease | undefined;
  const fresh = (): Lease => {
    const uid = ownerUid();
    return {
      ...held,
      metadata: {
        ...held?.metadata,
        name: node,
        namespace: NAMESPACE,
        ...(uid ? { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: node, uid }] } : {}),
      },
      spec: {
        ...held?.spec,
        holderIdentity: node,
        leaseDurationSeconds: DURATION_SECONDS,
        renewTime: formatMicroTime(Date.now()),
      },
    };
  };
  const renew = async (): Promise<void> => {
    if (held) {
      held = await client.update(leases, fresh(), { signal });
      return;
    }
    try {
      held = await client.create(leases, fresh(), { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      held = await client.get(leases, { namespace: NAMESPACE, name: node }, { signal });
      held = await client.update(leases, fresh(), { signal });
    }
  };
  while (!signal.aborted) {
    let wait = RENEW_MS;
    try {
      await renew();
    } catch (error) {
      if (signal.aborted) return;
      if (isConflict(error) || isNotFound(error)) held = undefined;
      else log.warn({ err: error }, "lease not renewed");
      wait = RETRY_MS;
    }
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
}
