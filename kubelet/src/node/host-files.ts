/** What people expect to find on a node when they mount its paths: the directories and files of a small Linux host. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface HostFacts {
  readonly name: string;
  readonly address: string;
  readonly machineId: string;
  readonly osImage: string;
  readonly resolvConf: string;
}

const DIRECTORIES = [
  "etc",
  "home",
  "mnt",
  "opt",
  "root",
  "run",
  "srv",
  "usr/local",
  "var/lib/kubelet",
  "var/log/containers",
  "var/log/pods",
];
const FOR_ALL = ["tmp", "var/tmp"];
const STICKY = 0o1777;

/** /etc/hosts of a node. */
export const hostsFile = ({ name, address }: Pick<HostFacts, "name" | "address">): string =>
  `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${address}\t${name}\n`;

const filesOf = (facts: HostFacts): Readonly<Record<string, string>> => ({
  "etc/hostname": `${facts.name}\n`,
  "etc/hosts": hostsFile(facts),
  "etc/machine-id": `${facts.machineId}\n`,
  "etc/os-release": `ID=linux\nNAME=${JSON.stringify(facts.osImage)}\nPRETTY_NAME=${JSON.stringify(facts.osImage)}\n`,
  "etc/resolv.conf": facts.resolvConf,
});

/** Makes what is missing below `root`, and brings the files up to date: in place, since containers may have them mounted. */
export async function seedHostFiles(root: string, facts: HostFacts): Promise<void> {
  for (const path of [...DIRECTORIES, ...FOR_ALL]) await mkdir(join(root, path), { recursive: true });
  for (const path of FOR_ALL) await chmod(join(root, path), STICKY);
  for (const [path, text] of Object.entries(filesOf(facts))) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    try {
      await writeFile(file, text);
    } catch (error) {
      // A pod once mounted the path while nothing was there, which made a directory of it.
      if ((error as NodeJS.ErrnoException).code !== "EISDIR") throw error;
    }
  }
}
