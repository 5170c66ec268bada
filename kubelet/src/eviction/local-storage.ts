/** Limits of local storage that are a pod's own: of an emptyDir, of a container, of all together. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { podLimits } from "@coracle/shared/meta/pods.ts";
import {
  canonicalQuantity,
  formatQuantity,
  quantityOf,
  resourceAmount,
} from "@coracle/shared/meta/quantity.ts";
import type { PodDisk } from "../stats/summary.ts";

const STORAGE = "ephemeral-storage";

/** Whether anything of the pod has to be measured at all. */
export const limitsLocalStorage = ({ spec }: Pod): boolean =>
  (spec?.volumes ?? []).some((v) => v.emptyDir?.sizeLimit !== undefined) ||
  [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(
    (c) => c.resources?.limits?.[STORAGE] !== undefined,
  );

export interface ExceededLimit {
  /** As upstream's metrics call it. */
  readonly signal: "emptydirfs.limit" | "ephemeralpodfs.limit" | "ephemeralcontainerfs.limit";
  readonly message: string;
}

/** Why the pod must go; undefined while it keeps within its limits. */
export function exceededLimit(pod: Pod, disk: PodDisk): ExceededLimit | undefined {
  return (
    told("emptydirfs.limit", overEmptyDir(pod, disk)) ??
    told("ephemeralpodfs.limit", overPod(pod, disk)) ??
    told("ephemeralcontainerfs.limit", overContainer(pod, disk))
  );
}

const told = (signal: ExceededLimit["signal"], message: string | undefined): ExceededLimit | undefined =>
  message === undefined ? undefined : { signal, message };

function overEmptyDir(pod: Pod, disk: PodDisk): string | undefined {
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    const limit = resourceAmount(STORAGE, emptyDir?.sizeLimit ?? "0");
    const used = disk.volumes.find((v) => v.name === name)?.usage.bytes ?? 0;
    if (limit > 0 && used > limit)
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${canonicalQuantity(emptyDir?.sizeLimit ?? "0")}". `;
  }
  return undefined;
}

function overPod(pod: Pod, disk: PodDisk): string | undefined {
  // Only when every container has a limit is there one for all.
  const limited = (pod.spec?.containers ?? []).every((c) => c.resources?.limits?.[STORAGE] !== undefined);
  const limit = limited ? (podLimits(pod)[STORAGE] ?? 0) : 0;
  if (limit === 0) return undefined;
  const parts = [
    ...disk.rootfs.values(),
    ...disk.logs.values(),
    ...disk.volumes.filter((v) => !v.memory).map((v) => v.usage),
  ];
  const used = parts.reduce((total, part) => total + part.bytes, 0);
  if (used <= limit) return undefined;
  const text = formatQuantity(quantityOf(limit, "BinarySI"));
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `;
}

function overContainer(pod: Pod, disk: PodDisk): string | undefined {
  for (const { name, resources } of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
    const text = resources?.limits?.[STORAGE];
    if (text === undefined) continue;
    const used = (disk.rootfs.get(name)?.bytes ?? 0) + (disk.logs.get(name)?.bytes ?? 0);
    if (used > resourceAmount(STORAGE, text))
      return `Container ${name} exceeded its local ephemeral storage limit "${canonicalQuantity(text)}". `;
  }
  return undefined;
}
