/** Kernel settings of the node's own network namespace. */
import { readFile, writeFile } from "node:fs/promises";
import { command } from "./command.ts";

const pathOf = (name: string): string => `/proc/sys/${name.replaceAll(".", "/")}`;

/** Sets it unless it has the value. Engines mount /proc/sys read-only, which an administrator of the container may change. */
export async function setSysctl(name: string, value: string): Promise<void> {
  const path = pathOf(name);
  if ((await readFile(path, "utf8")).trim() === value) return;
  try {
    await writeFile(path, value);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EROFS") throw error;
    await command("mount", ["-o", "remount,rw", "/proc/sys"]);
    await writeFile(path, value);
  }
}
