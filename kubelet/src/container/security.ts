/** securityContext, of the pod and of the container, as the engine's settings. */
import type { Container, Pod, SeccompProfile } from "@coracle/shared/api/generated/core-v1.ts";
import type { ImageUsers } from "../images/users.ts";
import type { ContainerSecurity } from "../runtime/runtime.ts";
import { ConfigError } from "./env.ts";

export interface SecurityInput {
  readonly pod: Pod;
  readonly container: Pick<Container, "name" | "securityContext">;
  /** The user the image names: "", a name or `uid[:gid]`. */
  readonly imageUser: string;
  /** The users and groups of the image; asked for only where the answer depends on them. */
  readonly imageUsers: () => Promise<ImageUsers>;
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

/**
 * User and groups. The engine knows a user's groups in the image by itself, but only while it is not told a group: where the pod names
 * one, the others are looked up here, or left out if the pod wants only what it names (Strict).
 */
async function identityOf(
  input: SecurityInput,
  uid: number | undefined,
  gid: number | undefined,
): Promise<Pick<ContainerSecurity, "user" | "groups">> {
  const pod = input.pod.spec?.securityContext;
  const named = [...(pod?.supplementalGroups ?? []), ...(pod?.fsGroup === undefined ? [] : [pod.fsGroup])];
  const groups = (more: readonly number[]): string[] => [...new Set([...named, ...more])].map(String);
  const [imageName, imageGroup] = input.imageUser.split(":");
  const user = uid === undefined ? imageName || "0" : String(uid);
  if (pod?.supplementalGroupsPolicy === "Strict") {
    const own = gid ?? (uid === undefined ? imageGroup : undefined);
    const group = own ?? (await input.imageUsers()).primaryGroup(user) ?? 0;
    return { user: `${user}:${group}`, groups: groups([]) };
  }
  if (gid === undefined) return { user: uid === undefined ? undefined : user, groups: groups([]) };
  return { user: `${user}:${gid}`, groups: groups((await input.imageUsers()).memberships(user)) };
}

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
  return {
    ...(await identityOf(input, uid, gid)),
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
