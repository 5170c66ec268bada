/** Lays the bundles and the add-on manifests out as the image has them: `node images/layout.ts /app`. */
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { bundlePath, present, root } from "./bundle.ts";

/** Fills a directory with `<process>/main.mjs` of every process, and `addons/`. */
export async function layOut(app: string): Promise<void> {
  for (const name of present()) {
    await mkdir(join(app, name), { recursive: true });
    await cp(bundlePath(name), join(app, name, "main.mjs"));
    await cp(`${bundlePath(name)}.map`, join(app, name, "main.mjs.map"));
  }
  if (existsSync(join(root, "addons")))
    await cp(join(root, "addons"), join(app, "addons"), { recursive: true });
}

if (import.meta.main) await layOut(process.argv[2] ?? join(root, ".coracle/app"));
