/** The users and groups an image knows, from its /etc/passwd and /etc/group: what a name or a number means in a container of it. */
import type { Labels, Runtime } from "../runtime/runtime.ts";

export interface ImageUsers {
  /** The primary group of a user, by name or number; undefined for one the image does not know. */
  primaryGroup(user: string): number | undefined;
  /** The groups that list the user as a member. */
  memberships(user: string): readonly number[];
}

const fieldsOf = (text: string | undefined): string[][] =>
  (text ?? "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));

/** Reads both files. Pure. */
export function parseUsers(passwd: string | undefined, group: string | undefined): ImageUsers {
  const users = fieldsOf(passwd).map(([name, , uid, gid]) => ({ name, uid, gid: Number(gid) }));
  const groups = fieldsOf(group).map(([, , gid, members = ""]) => ({
    gid: Number(gid),
    members: members.split(","),
  }));
  const find = (user: string) => users.find(({ name, uid }) => name === user || uid === user);
  return {
    primaryGroup: (user) => find(user)?.gid,
    memberships: (user) => {
      const name = find(user)?.name;
      return name ? groups.filter(({ members }) => members.includes(name)).map(({ gid }) => gid) : [];
    },
  };
}

const FILES = ["/etc/passwd", "/etc/group"] as const;

/** By the image's id, each image read once. */
export function createImageUsers(
  runtime: Pick<Runtime, "imageFiles">,
  labels: Labels,
): (imageId: string) => Promise<ImageUsers> {
  const known = new Map<string, Promise<ImageUsers>>();
  const read = async (imageId: string): Promise<ImageUsers> => {
    const [passwd, group] = await runtime.imageFiles(imageId, labels, FILES);
    return parseUsers(passwd, group);
  };
  return (imageId) => {
    const asked = known.get(imageId) ?? read(imageId);
    known.set(imageId, asked);
    // A failure is asked again.
    asked.catch(() => known.delete(imageId));
    return asked;
  };
}
