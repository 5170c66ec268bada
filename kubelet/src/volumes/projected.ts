import type { Pod, VolumeProjection } from "@coracle/shared/api/generated/core-v1.ts";
import { configMapFiles } from "./config-map.ts";
import { downwardFiles } from "./downward-api.ts";
import { DEFAULT_MODE } from "./keys.ts";
import { secretFiles } from "./secret.ts";
import { VolumeError, type Payload, type VolumeContext, type VolumeFile, type VolumeType } from "./volume.ts";

const PRIVATE = 0o600;
const HOUR_SECONDS = 3600;

/** The one user that all containers of the pod run as, if there is one. */
function commonUser(pod: Pod): number | undefined {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const users = new Set(
    containers.map((c) => c.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser),
  );
  const [only] = users;
  return users.size === 1 ? only : undefined;
}

async function tokenFile(
  source: NonNullable<VolumeProjection["serviceAccountToken"]>,
  mode: number,
  context: VolumeContext,
): Promise<VolumeFile> {
  const token = await context.tokens.token(context.pod, {
    audience: source.audience ?? "",
    expirationSeconds: source.expirationSeconds ?? HOUR_SECONDS,
  });
  const data = Buffer.from(token);
  if (context.pod.spec?.securityContext?.fsGroup !== undefined) return { data, mode: PRIVATE };
  const uid = commonUser(context.pod);
  return uid === undefined ? { data, mode } : { data, mode: PRIVATE, uid };
}

async function sourceFiles(source: VolumeProjection, mode: number, context: VolumeContext): Promise<Payload> {
  if (source.configMap) return configMapFiles(source.configMap, mode, context);
  if (source.secret) {
    const { name = "", items, optional } = source.secret;
    return secretFiles({ name, items, optional }, mode, context);
  }
  if (source.downwardAPI) return downwardFiles(source.downwardAPI.items ?? [], mode, context);
  if (source.serviceAccountToken) {
    const { path } = source.serviceAccountToken;
    return new Map([[path, await tokenFile(source.serviceAccountToken, mode, context)]]);
  }
  throw new VolumeError("unsupported source of a projected volume");
}

/** Several sources in one directory; the last one wins a path. */
export const projected: VolumeType = {
  name: "projected",
  plan({ projected: source }) {
    if (!source) return undefined;
    const mode = source.defaultMode ?? DEFAULT_MODE;
    return {
      kind: "engine",
      memory: {},
      readOnly: true,
      files: async (context) => {
        const parts = await Promise.all((source.sources ?? []).map((s) => sourceFiles(s, mode, context)));
        return new Map(parts.flatMap((part) => [...part]));
      },
    };
  },
};
