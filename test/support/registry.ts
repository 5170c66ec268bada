import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker, eventually, run } from "./run.ts";

/** A bcrypt hash of the password, from the test vectors of its first implementation. */
const USER = "ship";
const PASSWORD = "U*U";
const HASH = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:<port>`: where the engine allows a registry without TLS. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  /** Pushes an image of the engine under another name and removes that name again. Resolves to its digest. */
  push(image: string, name: string): Promise<string>;
}

/** A registry that wants a password, in a container beside the cluster. */
export async function startRegistry(name: string): Promise<Registry> {
  const directory = await mkdtemp(join(tmpdir(), "registry-"));
  await writeFile(join(directory, "htpasswd"), `${USER}:${HASH}\n`);
  const settings = { "": "htpasswd", _HTPASSWD_REALM: "test", _HTPASSWD_PATH: "/auth/htpasswd" };
  const env = Object.entries(settings).flatMap(([key, value]) => ["-e", `REGISTRY_AUTH${key}=${value}`]);
  const mount = `${directory}:/auth:ro`;
  await docker("run", "-d", "--name", name, "-p", "127.0.0.1::5000", "-v", mount, ...env, "registry:2");
  const host = (await docker("port", name, "5000")).split("\n")[0]?.trim() ?? "";
  const asUser = ["--config", directory];
  await eventually("it lets us in", async () => {
    await docker(...asUser, "login", "-u", USER, "-p", PASSWORD, host);
    return true;
  });
  return {
    host,
    user: USER,
    password: PASSWORD,
    push: async (image, as) => {
      const full = `${host}/${as}`;
      await docker("tag", image, full);
      const printed = await docker(...asUser, "push", full);
      await docker("rmi", full);
      return /digest: (sha256:[0-9a-f]+)/.exec(printed)?.[1] ?? "";
    },
    async [Symbol.asyncDispose]() {
      await docker("rm", "-f", "-v", name);
      await rm(directory, { recursive: true, force: true });
      const format = "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}";
      const left = await docker("images", "--digests", "--format", format, `${host}/*/*`);
      // A digest goes with the last of its tags: some of these names may be gone by their turn.
      for (const image of new Set(left.split(/\s+/)))
        if (image && !image.includes("<none>")) await run("docker", ["rmi", image]);
    },
  };
}
