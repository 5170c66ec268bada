import type { PersistentVolumeClaimSpec, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { pullPolicyFor } from "./image.ts";

const fileMode = 0o644;
const sourcesOf = (volume: Volume): string[] =>
  Object.entries(volume).flatMap(([field, value]) =>
    field !== "name" && value !== undefined && value !== null ? [field] : [],
  );

export function setVolumeDefaults(volume: Volume): void {
  if (sourcesOf(volume).length === 0) volume.emptyDir = {};
  if (volume.secret) volume.secret.defaultMode ??= fileMode;
  if (volume.configMap) volume.configMap.defaultMode ??= fileMode;
  if (volume.hostPath) volume.hostPath.type ??= "";
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= fileMode;
    setDownwardDefaults(volume.downwardAPI.items);
  }
  if (volume.projected) setProjectedDefaults(volume.projected);
  if (volume.image) volume.image.pullPolicy ||= pullPolicyFor(volume.image.reference ?? "");
  const claim = volume.ephemeral?.volumeClaimTemplate;
  if (claim?.spec) setClaimSpecDefaults(claim.spec);
  setNetworkVolumeDefaults(volume);
}

export function setClaimSpecDefaults(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= "Filesystem";
  spec.resources ??= {};
}

function setDownwardDefaults(
  items: readonly { fieldRef?: { apiVersion?: string | undefined } | undefined }[] | undefined,
): void {
  for (const item of items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= "v1";
}

function setProjectedDefaults(projected: NonNullable<Volume["projected"]>): void {
  projected.defaultMode ??= fileMode;
  for (const source of projected.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    if (source.podCertificate) source.podCertificate.maxExpirationSeconds ??= 86_400;
    setDownwardDefaults(source.downwardAPI?.items);
  }
}

function setNetworkVolumeDefaults(volume: Volume): void {
  if (volume.iscsi) volume.iscsi.iscsiInterface ||= "default";
  if (volume.rbd) {
    volume.rbd.pool ||= "rbd";
    volume.rbd.user ||= "admin";
    volume.rbd.keyring ||= "/etc/ceph/keyring";
  }
  if (volume.azureDisk) {
    volume.azureDisk.cachingMode ??= "ReadWrite";
    volume.azureDisk.kind ??= "Shared";
    volume.azureDisk.fsType ??= "ext4";
    volume.azureDisk.readOnly ??= false;
  }
  if (volume.scaleIO) {
    volume.scaleIO.storageMode ||= "ThinProvisioned";
    volume.scaleIO.fsType ||= "xfs";
  }
}
