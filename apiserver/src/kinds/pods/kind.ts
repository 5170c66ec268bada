import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { path } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { setPodDefaults } from "../shared/pod/defaults.ts";
import { nameWarning, podWarnings } from "../shared/pod/warnings.ts";
import { podColumns } from "./columns.ts";
import { preparePodForCreate, preparePodForUpdate } from "./prepare.ts";
import { validatePodStatusUpdate } from "./validate-status.ts";
import { validatePodUpdate } from "./validate-update.ts";
import { validateNewPod } from "./validate.ts";

export const pods = defineKind<Pod>({
  kind: "Pod",
  shortNames: ["po"],
  categories: ["all"],
  namespaced: true,
  status: true,
  metadataOutsideStatus: ["ownerReferences"],
  returnDeleted: true,
  generation: true,
  setDefaults: setPodDefaults,
  prepareForCreate: preparePodForCreate,
  prepareForUpdate: preparePodForUpdate,
  validate: validateNewPod,
  validateUpdate: validatePodUpdate,
  // On updates none: those come from loops, and often.
  warnings: (pod, old) =>
    old ? [] : [...nameWarning(pod, old, "the Pod's hostname"), ...podWarnings(pod, path())],
  validateStatusUpdate: validatePodStatusUpdate,
  gracefulDelete: { gracePeriodSeconds },
  selectableFields: {
    "spec.nodeName": (pod) => pod.spec?.nodeName ?? "",
    "spec.restartPolicy": (pod) => pod.spec?.restartPolicy ?? "",
    "spec.schedulerName": (pod) => pod.spec?.schedulerName ?? "",
    "spec.serviceAccountName": (pod) => pod.spec?.serviceAccountName ?? "",
    "spec.hostNetwork": (pod) => String(pod.spec?.hostNetwork ?? false),
    "status.phase": (pod) => pod.status?.phase ?? "",
    "status.podIP": (pod) => pod.status?.podIP ?? "",
    "status.podIPs": (pod) => pod.status?.podIP ?? "",
    "status.nominatedNodeName": (pod) => pod.status?.nominatedNodeName ?? "",
  },
  columns: podColumns,
  subresources: [
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "log",
    "portforward",
    "proxy",
    "resize",
  ],
});

/** A pod that no node runs, or that has ended, needs no grace. */
function gracePeriodSeconds(pod: Pod, requested: number | undefined): number {
  const finished = pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
  if (!pod.spec?.nodeName || finished) return 0;
  const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}
