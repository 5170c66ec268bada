/** securityContext, of the pod and of the container, as the engine's settings. */
import type { Container, Pod, SeccompProfile } from "@coracle/shared/api/generated/core-v1.ts";
import type { ContainerSecurity } from "../runtime/runtime.ts";
import { ConfigError } from "./env.ts";

export interface SecurityInput {
  readonly pod: Pod;
  readonly container: Pick<Container, "name" | "securityContext">;
  /** The user the image names: "", a name or `uid[:gid]`. */
  readonly imageUser: string;
  /** Reads a profile of the node. Rejects when there is none. */
  readonly seccompFile: (path: string) => Promise<string>;
}

async function seccomp(
  profile: SeccompProfile | undefined,
  privileged: boolean,
  read: (path: string) => Promise<string>,
): Promise<string | undefined> {
  if (privileged || profile === undefined || profile.type === "Unconfined") return "unconfined";
  if (profile.type !== "Localhost") return undefined;
  const path = profile.localhostProfile ?? "";
  try {
    return await read(path);
  } catch (error) {
    throw new ConfigError(`failed to load seccomp profile "${path}"`, { cause: error });
  }
}

/** Upstream's check of runAsNonRoot. @throws ConfigError with its texts */
function verifyNonRoot(input: SecurityInput, uid: number | undefined): void {
  const { pod, container, imageUser } = input;
  const nonRoot = container.securityContext?.runAsNonRoot ?? pod.spec?.securityContext?.runAsNonRoot;
  if (!nonRoot) return;
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`;
  if (uid !== undefined) {
    if (uid === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  const name = imageUser.split(":", 1)[0] ?? "";
  if (name === "" || name === "0")
    throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  if (!/^\d+$/.test(name))
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root ${where}`,
    );
}

const capability = (name: string): string => name.replace(/^CAP_/, "");

/** @throws ConfigError when the container must not run so. */
export async function containerSecurity(input: SecurityInput): Promise<ContainerSecurity> {
  const pod = input.pod.spec?.securityContext;
  const own = input.container.securityContext;
  const uid = own?.runAsUser ?? pod?.runAsUser;
  const gid = own?.runAsGroup ?? pod?.runAsGroup;
  verifyNonRoot(input, uid);
  const privileged = own?.privileged ?? false;
  const profile = own?.seccompProfile ?? pod?.seccompProfile;
  const apparmor = own?.appArmorProfile ?? pod?.appArmorProfile;
  const selinux = own?.seLinuxOptions ?? pod?.seLinuxOptions;
  const groups = new Set([
    ...(pod?.supplementalGroups ?? []),
    ...(pod?.fsGroup === undefined ? [] : [pod.fsGroup]),
  ]);
  const user =
    uid === undefined
      ? gid === undefined
        ? undefined
        : `${input.imageUser.split(":", 1)[0] || "0"}:${gid}`
      : gid === undefined
        ? String(uid)
        : `${uid}:${gid}`;
  return {
    user,
    groups: [...groups].map(String),
    capAdd: (own?.capabilities?.add ?? []).map(capability),
    capDrop: (own?.capabilities?.drop ?? []).map(capability),
    privileged,
    readOnlyRoot: own?.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own?.allowPrivilegeEscalation === false,
    seccomp: await seccomp(profile, privileged, input.seccompFile),
    ...(apparmor?.type === "Unconfined"
      ? { apparmor: "unconfined" }
      : apparmor?.type === "Localhost"
        ? { apparmor: apparmor.localhostProfile }
        : {}),
    ...(selinux
      ? {
          selinux: (["user", "role", "type", "level"] as const).flatMap((key) =>
            selinux[key] ? [`${key}:${selinux[key]}`] : [],
          ),
        }
      : {}),
    unmaskedProc: own?.procMount === "Unmasked",
  };
}
