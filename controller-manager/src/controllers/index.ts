import type { Controller } from "@coracle/shared/controller/controller.ts";
import type { Loop } from "../loop.ts";
import type { Settings } from "../settings.ts";
import { addonsLoop } from "./addons/addons.ts";
import { daemonSetController } from "./daemonset/daemonset.ts";
import { deploymentController } from "./deployment/deployment.ts";
import { endpointsController } from "./endpoints.ts";
import { endpointSliceController } from "./endpointslice/endpointslice.ts";
import { garbageCollector } from "./garbage-collector/garbage-collector.ts";
import { namespaceController } from "./namespace.ts";
import { nodeIpamController } from "./node-ipam.ts";
import { nodeLifecycleController } from "./node-lifecycle/node-lifecycle.ts";
import { podGcController } from "./pod-gc.ts";
import { replicaSetController } from "./replicaset.ts";
import { replicationController } from "./replicationcontroller.ts";
import { rootCaController } from "./root-ca.ts";
import { serviceAccountController } from "./serviceaccount.ts";
import { serviceAccountTokensController } from "./service-account-tokens.ts";
import { taintEvictionController } from "./taint-eviction.ts";

/** Every controller, made anew for each term of leadership: their state must not outlive their caches. */
export const controllers = (settings: Settings): Controller[] => [
  replicaSetController(),
  replicationController(),
  deploymentController(),
  daemonSetController(),
  endpointsController(),
  endpointSliceController(),
  serviceAccountController(),
  serviceAccountTokensController({ sign: settings.signToken, rootCa: settings.rootCa }),
  rootCaController(settings.rootCa),
  namespaceController(),
  nodeIpamController(settings.podCidr),
  nodeLifecycleController({ graceMs: settings.nodeGraceMs }),
  taintEvictionController(),
  podGcController(),
];

/** What follows kinds that are only known at run time. */
export const loops = (settings: Settings, env: NodeJS.ProcessEnv): Loop[] => [
  garbageCollector(),
  ...(settings.addonsDirectory ? [addonsLoop(settings.addonsDirectory, env)] : []),
];
