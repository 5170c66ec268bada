/** What people expect to find on a node when they mount its paths: the directories and files of a small Linux host. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import type { NodeStorage } from "../storage.ts";
import { nodePath } from "../volumes/host-path.ts";

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

/**
 * Makes what is missing, and brings the files up to date: in place, since containers may have them mounted. Pods that mount the node's
 * paths may have put anything there: what does not fit stays, and keeps no node from starting.
 */
export async function seedHostFiles(
  storage: Pick<NodeStorage, "host">,
  facts: HostFacts,
  log: Pick<Logger, "warn">,
): Promise<void> {
  const seed = async (path: string, work: (here: string) => Promise<unknown>): Promise<void> => {
    try {
      await work((await nodePath({ storage: (place) => storage.host(place) }, path)).here);
    } catch (error) {
      log.warn({ err: error, path }, "the node lacks a file or directory that hosts have");
    }
  };
  const makeDirectory = (here: string): Promise<unknown> => mkdir(here, { recursive: true });
  for (const path of DIRECTORIES) await seed(path, makeDirectory);
  for (const path of FOR_ALL)
    await seed(path, async (here) => {
      await makeDirectory(here);
      await chmod(here, STICKY);
    });
  for (const [path, text] of Object.entries(filesOf(facts)))
    await seed(path, async (here) => {
      await makeDirectory(dirname(here));
      await writeFile(here, text);
    });
}
