/** File trees for stand-in images: unpacked packages, or Debian's minimal system with Node. */
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { NodeRecipe, PackagesRecipe } from "./images.ts";
import type { Debian } from "./debian.ts";
import { root } from "./bundle.ts";
import { run } from "./run.ts";

/** Parts of packages that no container needs. */
const PRUNED = [
  "usr/share/doc",
  "usr/share/man",
  "usr/share/info",
  "usr/share/locale",
  "usr/share/lintian",
  "usr/share/bash-completion",
  "usr/share/initramfs-tools",
  "usr/share/i18n",
  "usr/lib/systemd",
  "lib/systemd",
  "usr/lib/x86_64-linux-gnu/gconv",
  "usr/lib/aarch64-linux-gnu/gconv",
];

export interface TreeContext {
  readonly debian: Debian;
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

async function prune(tree: string): Promise<void> {
  await Promise.all(PRUNED.map((path) => rm(join(tree, path), { recursive: true, force: true })));
}

/** `/bin` → `/usr/bin` and so on, which unpacking keeps. */
export const MERGED_DIRECTORIES = ["bin", "sbin", "lib", "lib64"] as const;

/** Unpacks packages into a tree without configuring them, in a directory layout with merged /usr. */
export async function unpack(tree: string, archives: readonly string[]): Promise<void> {
  for (const dir of MERGED_DIRECTORIES) {
    await mkdir(join(tree, "usr", dir), { recursive: true });
    await symlink(`usr/${dir}`, join(tree, dir)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
  const script = 'for deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink; done';
  await run("sh", ["-ec", script, "sh", ...archives], { cwd: tree });
  await prune(tree);
}

async function writeAccounts(tree: string, users: Readonly<Record<string, number>>): Promise<void> {
  const entries = Object.entries({ root: 0, ...users, nobody: 65534 });
  const passwd = entries.map(([name, id]) => {
    const home = name === "root" ? "/root" : "/nonexistent";
    return `${name}:x:${id}:${id}:${name}:${home}:${name === "root" ? "/bin/sh" : "/usr/sbin/nologin"}`;
  });
  const group = entries.map(([name, id]) => `${name === "nobody" ? "nogroup" : name}:x:${id}:`);
  await mkdir(join(tree, "etc"), { recursive: true });
  await writeFile(join(tree, "etc/passwd"), `${passwd.join("\n")}\n`);
  await writeFile(join(tree, "etc/group"), `${group.join("\n")}\n`);
  await writeFile(join(tree, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
}

/** Links the applets, and puts the static build (a package that conflicts with the other) beside it. */
async function addBusybox(tree: string, { suite }: PackagesRecipe, context: TreeContext): Promise<void> {
  const archives = await context.debian.fetch(suite, ["busybox-static"], {
    alone: true,
    signal: context.signal,
  });
  const beside = join(tree, "static");
  await mkdir(beside);
  await unpack(beside, archives);
  await copyFile(join(beside, "usr/bin/busybox"), join(tree, "usr/bin/busybox.static"));
  await rm(beside, { recursive: true });
  // Run with the tree's own libraries: the suite's may be newer than the host's.
  const listed = await run("chroot", [tree, "/usr/bin/busybox", "--list"]);
  const present = new Set(await readdir(join(tree, "usr/bin")));
  for (const applet of listed.trim().split("\n"))
    if (!present.has(applet)) await symlink("busybox", join(tree, "usr/bin", applet));
}

/** Makes the tree of a stand-in from packages. */
export async function packagesTree(
  tree: string,
  recipe: PackagesRecipe,
  context: TreeContext,
): Promise<void> {
  const { packages, suite, without = [] } = recipe;
  const archives = await context.debian.fetch(suite, packages, { without, signal: context.signal });
  await unpack(tree, archives);
  await writeAccounts(tree, recipe.users ?? {});
  if (recipe.busyboxApplets === true) await addBusybox(tree, recipe, context);
  for (const dir of ["tmp", "run", "proc", "sys", "dev", "etc", "root", "var"])
    await mkdir(join(tree, dir), { recursive: true });
  await chmod(join(tree, "tmp"), 0o1777);
  for (const [path, { mode, uid }] of Object.entries(recipe.directories ?? {})) {
    await mkdir(join(tree, path), { recursive: true });
    if (mode !== undefined) await chmod(join(tree, path), mode);
    if (uid !== undefined) await chown(join(tree, path), uid, uid);
  }
  for (const [link, target] of Object.entries(recipe.links ?? {})) {
    await rm(join(tree, link), { force: true });
    await symlink(target, join(tree, link));
  }
  for (const file of recipe.files ?? []) {
    const path = join(tree, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.text ?? (await readFile(join(root, "images", file.from ?? ""))));
    if (file.mode !== undefined) await chmod(path, file.mode);
  }
}

/** Debian's minimal system with the `node` that npm installed for us, and its libraries. */
export async function nodeTree(tree: string, recipe: NodeRecipe, context: TreeContext): Promise<void> {
  const archives = join(context.cache, "debootstrap");
  await mkdir(archives, { recursive: true });
  await run(
    "debootstrap",
    [
      "--variant=minbase",
      `--cache-dir=${archives}`,
      "--include=libstdc++6,ca-certificates",
      recipe.suite,
      tree,
      context.debian.mirror,
    ],
    { signal: context.signal, onLine: context.onLine },
  );
  await prune(tree);
  for (const path of ["var/lib/apt/lists", "var/cache/apt", "var/log"]) {
    await rm(join(tree, path), { recursive: true, force: true });
    await mkdir(join(tree, path), { recursive: true });
  }
  // What debootstrap did for its own sake: it must not fix the image to this host's names.
  await writeFile(join(tree, "etc/resolv.conf"), "");
  await writeFile(join(tree, "etc/hostname"), "");
  const node = await realpath(join(root, "node_modules/.bin/node"));
  await copyFile(node, join(tree, "usr/local/bin/node"));
  await chmod(join(tree, "usr/local/bin/node"), 0o755);
}
