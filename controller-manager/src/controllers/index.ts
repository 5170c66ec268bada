import type { Controller } from "@coracle/shared/controller/controller.ts";
import type { Loop } from "../loop.ts";
import type { Settings } from "../settings.ts";
import { addonsLoop } from "./addons/addons.ts";
import { bootstrapTokenCleanerController } from "./bootstrap-token-cleaner.ts";
import { certificateApprover, certificateCleaner, certificateSigner } from "./certificates/certificates.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation.ts";
import { cronJobController } from "./cronjob/cronjob.ts";
import { daemonSetController } from "./daemonset/daemonset.ts";
import { deploymentController } from "./deployment/deployment.ts";
import { disruptionController } from "./disruption/disruption.ts";
import { staleDisruptionController } from "./disruption/stale-target.ts";
import { endpointsController } from "./endpoints.ts";
import { endpointSliceMirroringController } from "./endpointslicemirroring/endpointslicemirroring.ts";
import { endpointSliceController } from "./endpointslice/endpointslice.ts";
import { garbageCollector } from "./garbage-collector/garbage-collector.ts";
import { horizontalPodAutoscalerController } from "./horizontalpodautoscaler/horizontalpodautoscaler.ts";
import { jobController } from "./job/job.ts";
import { legacyTokenCleaner } from "./legacy-token-cleaner.ts";
import { namespaceController } from "./namespace.ts";
import { nodeIpamController } from "./node-ipam.ts";
import { nodeLifecycleController } from "./node-lifecycle/node-lifecycle.ts";
import { podGcController } from "./pod-gc.ts";
import { replicaSetController } from "./replicaset.ts";
import { replicationController } from "./replicationcontroller.ts";
import { resourceClaimCleanup } from "./resourceclaim/cleanup.ts";
import { deviceTaintController } from "./resourceclaim/device-taints.ts";
import { resourceClaimController } from "./resourceclaim/resourceclaim.ts";
import { resourceQuotaController } from "./resourcequota/resourcequota.ts";
import { rootCaController } from "./root-ca.ts";
import { serviceAccountController } from "./serviceaccount.ts";
import { serviceCidrController } from "./service-cidr.ts";
import { serviceAccountTokensController } from "./service-account-tokens.ts";
import { statefulSetController } from "./statefulset/statefulset.ts";
import { taintEvictionController } from "./taint-eviction.ts";
import { ttlAfterFinishedController } from "./ttl-after-finished.ts";
import { persistentVolumeBinder } from "./volumes/binder.ts";
import { ephemeralVolumeController } from "./volumes/ephemeral.ts";
import { volumeExpander } from "./volumes/expand.ts";
import { claimProtectionController, volumeProtectionController } from "./volumes/protection.ts";
import { localProvisioner } from "./volumes/provisioner.ts";
import { volumeReclaimer } from "./volumes/reclaimer.ts";

/** Every controller, made anew for each term of leadership: their state must not outlive their caches. */
export const controllers = (settings: Settings): Controller[] => [
  replicaSetController(),
  replicationController(),
  deploymentController(),
  daemonSetController(),
  statefulSetController(),
  jobController(),
  cronJobController(),
  ttlAfterFinishedController(),
  horizontalPodAutoscalerController(),
  disruptionController(),
  staleDisruptionController(),
  endpointsController(),
  endpointSliceController(),
  endpointSliceMirroringController(),
  serviceCidrController(),
  serviceAccountController(),
  serviceAccountTokensController({ sign: settings.signToken, rootCa: settings.rootCa }),
  rootCaController(settings.rootCa),
  namespaceController(),
  nodeIpamController(settings.podCidr),
  nodeLifecycleController({ graceMs: settings.nodeGraceMs }),
  taintEvictionController(),
  podGcController(),
  resourceQuotaController(),
  resourceClaimController(),
  resourceClaimCleanup(),
  deviceTaintController(),
  persistentVolumeBinder(),
  localProvisioner(),
  volumeReclaimer(settings.image),
  volumeExpander(),
  ephemeralVolumeController(),
  claimProtectionController(),
  volumeProtectionController(),
  certificateApprover(),
  certificateSigner({ ca: settings.rootCa, key: settings.caKey }),
  certificateCleaner(),
  clusterRoleAggregationController(),
  bootstrapTokenCleanerController(),
];

/** What follows kinds that are only known at run time. */
export const loops = (settings: Settings, env: NodeJS.ProcessEnv): Loop[] => [
  garbageCollector(),
  legacyTokenCleaner(),
  ...(settings.addonsDirectory ? [addonsLoop(settings.addonsDirectory, env)] : []),
];
