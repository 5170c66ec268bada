import type { Volume, VolumeProjection } from "@coracle/shared/api/generated/core-v1.ts";
import type { Path } from "../../../registry/field.ts";
import { claimWarnings } from "../claim.ts";

/** Volumes of plugins that are gone or about to go. */
const deprecated: readonly (readonly [plugin: keyof Volume, text: string])[] = [
  ["photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["gitRepo", "deprecated in v1.11"],
  ["scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["flocker", "deprecated in v1.22, non-functional in v1.25+"],
  ["storageos", "deprecated in v1.22, non-functional in v1.25+"],
  ["quobyte", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

/** The source of a pod's volume, or of a persistent one. */
export const pluginWarnings = (source: { readonly [P in keyof Volume]?: unknown }, at: Path): string[] =>
  deprecated.flatMap(([plugin, text]) =>
    source[plugin] === undefined
      ? []
      : [`${at.child(plugin === "storageos" ? "storageOS" : plugin).text}: ${text}`],
  );

/** Advice about the volumes of a pod: plugins, claims, and files that hide each other. */
export function volumeWarnings(volumes: readonly Volume[] | undefined, at: Path): string[] {
  const warnings: string[] = [];
  (volumes ?? []).forEach((volume, i) => {
    warnings.push(
      ...pluginWarnings(volume, at.index(i)),
      ...claimWarnings(
        volume.ephemeral?.volumeClaimTemplate?.spec,
        at.index(i).child("ephemeral", "volumeClaimTemplate", "spec"),
      ),
    );
  });
  for (const volume of volumes ?? []) warnings.push(...overlaps(volume));
  return warnings;
}

interface Files {
  readonly from: string;
  readonly paths: readonly string[];
}

function overlaps(volume: Volume): string[] {
  const { configMap, secret, downwardAPI, projected } = volume;
  const sources: Files[] = [];
  if (configMap?.items) sources.push(files(`ConfigMap ${quoted(configMap.name)}`, configMap.items));
  if (secret?.items) sources.push(files(`Secret ${quoted(secret.secretName)}`, secret.items));
  if (downwardAPI?.items) sources.push(files("DownwardAPI", downwardAPI.items));
  const warnings = sources.flatMap((source) => collisions(volume.name, source));
  const before = new Set<string>();
  for (const source of projected?.sources ?? []) {
    const projection = filesOf(source);
    if (projection === "empty")
      warnings.push(`volume ${quoted(volume.name)} (Projected) has no sources provided`);
    else if (projection && projection.paths.length > 0) {
      const all = [...new Set([...projection.paths, ...before])].toSorted();
      warnings.push(...collisions(volume.name, projection));
      warnings.push(...collisions(volume.name, { ...projection, paths: all }));
      for (const path of projection.paths) before.add(path);
    }
  }
  return [...new Set(warnings)];
}

function filesOf(source: VolumeProjection): Files | "empty" | undefined {
  const { configMap, secret, downwardAPI, serviceAccountToken: token, clusterTrustBundle: bundle } = source;
  if (configMap?.items) return files(`Projected ConfigMap ${quoted(configMap.name)}`, configMap.items);
  if (secret?.items) return files(`Projected Secret ${quoted(secret.name)}`, secret.items);
  if (downwardAPI?.items) return files("Projected DownwardAPI", downwardAPI.items);
  if (token) return files("Projected ServiceAccountToken", [token]);
  if (bundle)
    return files(`Projected ClusterTrustBundle ${quoted(bundle.name ?? bundle.signerName)}`, [bundle]);
  return Object.values(source).some((value) => value !== undefined) ? undefined : "empty";
}

const quoted = (name: string | undefined): string => JSON.stringify(name ?? "");
const files = (from: string, items: readonly { path: string }[]): Files => ({
  from,
  paths: items.map((item) => item.path),
});

/** A later path that starts as an earlier one, or the other way round. */
function collisions(volume: string, { from, paths }: Files): string[] {
  const seen: string[] = [];
  return paths.flatMap((text) => {
    const path = text.replace(/\/+$/, "");
    const other =
      path === ""
        ? undefined
        : seen.find((s) => s !== "" && (`${s}/`.startsWith(path) || `${path}/`.startsWith(s)));
    seen.push(path);
    return other === undefined
      ? []
      : [`volume ${quoted(volume)} (${from}): overlapping paths: ${quoted(path)} with ${quoted(other)}`];
  });
}
