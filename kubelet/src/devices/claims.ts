/** Which claims are prepared on this node and for which pods, on disk: it must outlive the kubelet. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";

export interface ClaimDevice {
  readonly requests: readonly string[];
  readonly cdi: readonly string[];
}

export interface ClaimRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Pods that use it here. */
  readonly pods: readonly string[];
  /** Driver → its devices; of one that has not answered yet there are none. */
  readonly drivers: Readonly<Record<string, readonly ClaimDevice[]>>;
  /** Drivers that may have made something ready: those that are to be told of the end. */
  readonly asked: readonly string[];
  /** Every driver has made its devices ready. */
  readonly prepared: boolean;
}

export interface ClaimRecords {
  get(namespace: string, name: string): ClaimRecord | undefined;
  all(): Iterable<ClaimRecord>;
  put(record: ClaimRecord): Promise<void>;
  delete(record: ClaimRecord): Promise<void>;
}

const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;

/** Records in a file. One that cannot be read counts as empty: drivers are asked again then, which harms nothing. */
export async function openClaimRecords(file: string, log: Logger): Promise<ClaimRecords> {
  const records = new Map<string, ClaimRecord>();
  for (const record of await readRecords(file, log))
    records.set(keyOf(record.namespace, record.name), record);
  let writing: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    const write = async (): Promise<void> => {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, JSON.stringify({ version: 1, claims: [...records.values()] }), {
        mode: 0o600,
        flush: true,
      });
      await rename(`${file}.new`, file);
    };
    const done = writing.then(write);
    writing = done.catch(() => undefined);
    return done;
  };
  return {
    get: (namespace, name) => records.get(keyOf(namespace, name)),
    all: () => records.values(),
    put(record) {
      records.set(keyOf(record.namespace, record.name), record);
      return save();
    },
    delete(record) {
      records.delete(keyOf(record.namespace, record.name));
      return save();
    },
  };
}

async function readRecords(file: string, log: Logger): Promise<ClaimRecord[]> {
  try {
    const content = JSON.parse(await readFile(file, "utf8")) as { claims?: ClaimRecord[] };
    return content.claims ?? [];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      log.warn({ err: error, file }, "the record of prepared claims cannot be read");
    return [];
  }
}
