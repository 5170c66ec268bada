import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { authenticationConfigMap, readFrontProxy } from "../../aggregation/front-proxy.ts";
import { builtInPriorityClasses } from "../../admission/priority.ts";
import { bootstrapTokenSecret } from "../../authn/bootstrap-token.ts";
import { trackingConfigMap } from "../../authn/legacy-tokens.ts";
import { ensureFlowControl } from "../../flowcontrol/keep.ts";
import { ensureServiceCIDR } from "../../kinds/services/repair.ts";
import type { Registry } from "../registry.ts";
import { ensure, ensureData } from "./ensure.ts";
import { ensureRoles } from "./roles.ts";
import { ensureSystemNamespaces } from "./namespaces.ts";

export interface BootstrapParts {
  readonly registry: Registry;
  readonly pki: string;
  /** CORACLE_SERVICE_CIDR */
  readonly serviceCIDR: string;
  readonly log: Logger;
}

/** Sees to it that the objects every cluster has are there. Any number of API servers may do this at once. */
export async function bootstrapCluster({ registry, pki, serviceCIDR, log }: BootstrapParts): Promise<void> {
  await ensureSystemNamespaces(registry);
  const secrets: KubeObject[] = [];
  const derived: KubeObject[] = [];
  const clientCa = readIfPresent(join(pki, "ca.crt"));
  if (clientCa) await ensure(registry, authenticationConfigMap(clientCa, readFrontProxy(pki)));
  const token = readIfPresent(join(pki, "bootstrap-token"));
  if (token) secrets.push(bootstrapTokenSecret(token));
  for (const component of ["kube-proxy"]) {
    const secret = busSecret(pki, component);
    if (secret) derived.push(secret);
    else log.warn({ component }, "there are no bus credentials for this component");
  }
  // All that is left needs nothing but the namespaces; together it is one round of the store instead of a hundred.
  await Promise.all([
    ensureRoles(registry),
    ensureServiceCIDR(registry, serviceCIDR),
    ...builtInPriorityClasses.map((priorityClass) =>
      ensure(registry, {
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        ...structuredClone(priorityClass),
      }),
    ),
    ensureFlowControl(registry),
    ensure(registry, trackingConfigMap(registry.now())),
    ...secrets.map((secret) => ensure(registry, secret)),
    ...derived.map((secret) => ensureData(registry, secret)),
  ]);
}

/** What a component that runs as a pod needs to reach the bus; its pods mount this Secret at /pki. */
function busSecret(pki: string, component: string): KubeObject | undefined {
  const creds = readIfPresent(join(pki, "addons", `${component}.creds`));
  const ca = readIfPresent(join(pki, "ca.crt"));
  if (creds === undefined || ca === undefined) return undefined;
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `${component}-bus`, namespace: "kube-system" },
    type: "Opaque",
    data: { "ca.crt": base64(ca), "nats.creds": base64(creds) },
  };
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
