/** The node's name, where an engine would show the id of the container that the node is. */
import { readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { command } from "../network/command.ts";

/** The name files that pods in the node's network share with this container. The engine makes them anew when it starts it. */
export async function writeNodeNames(name: string): Promise<void> {
  await writeFile("/etc/hostname", `${name}\n`);
  const hosts = await readFile("/etc/hosts", "utf8");
  const own = hostname();
  const lines = hosts.split("\n").map((line) => {
    const words = line.split(/\s+/);
    return words.includes(own) && !words.includes(name) ? line.replace(own, `${name} ${own}`) : line;
  });
  await writeFile("/etc/hosts", lines.join("\n"));
}

/**
 * What takes another container's network takes its host name, and the engine refuses to give it one: so it is set from outside, a few
 * milliseconds after the start.
 */
export const nameProcess = (pid: number, name: string): Promise<unknown> =>
  command("nsenter", ["--target", String(pid), "--uts", "hostname", name]);
