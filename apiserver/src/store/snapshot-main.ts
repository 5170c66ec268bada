/**
 * Backup of the cluster's state: `save` writes a snapshot to standard output, `restore` reads one from standard input.
 * Reads CORACLE_REDIS and CORACLE_PKI as the API server does. See docs/snapshots.md.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { openLink, redisOptionsFrom, type Link } from "./connection.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { readLines, restore, writeLines } from "./snapshot-file.ts";

async function save(link: Link): Promise<string> {
  const snapshot = await readSnapshot(link.redis);
  for (const line of writeLines(snapshot, new Date())) {
    if (!process.stdout.write(line)) await once(process.stdout, "drain");
  }
  return `saved ${snapshot.objects.length} objects at revision ${snapshot.revision}`;
}

async function load(link: Link): Promise<string> {
  const snapshot = await readLines(createInterface({ input: process.stdin, crlfDelay: Infinity }));
  const revision = await restore(link.redis, snapshot);
  return `restored ${snapshot.objects.length} objects of revision ${snapshot.revision} at revision ${revision}`;
}

async function main(): Promise<number> {
  const [command] = process.argv.slice(2);
  const action = { save, restore: load }[command ?? ""];
  if (!action) {
    process.stderr.write("usage: snapshot save > FILE | snapshot restore < FILE\n");
    return 2;
  }
  const url = process.env["CORACLE_REDIS"] ?? "rediss://redis:6379";
  const link = openLink(redisOptionsFrom(url, process.env["CORACLE_PKI"] ?? "/pki"));
  try {
    await link.ready(10_000);
    process.stderr.write(`${await action(link)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : "failed"}\n`);
    return 1;
  } finally {
    link.close();
  }
}

process.exitCode = await main();
