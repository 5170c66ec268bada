/**
 * Bundles a process to one ESM file: `node images/bundle.ts apiserver` writes apiserver/dist/main.mjs.
 * Without names, every process whose sources exist is bundled.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { packagesFolder, packedDescriptions } from "../apiserver/src/schema/openapi/packed-descriptions.ts";
import { fetchApiPackages } from "./api-packages.ts";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Bundle name → entry point below the checkout. */
export const processes: Readonly<Record<string, string>> = {
  apiserver: "apiserver/src/main.ts",
  "controller-manager": "controller-manager/src/main.ts",
  scheduler: "scheduler/src/main.ts",
  kubelet: "kubelet/src/main.ts",
  "kube-proxy": "kube-proxy/src/main.ts",
  dns: "dns/src/main.ts",
  init: "cli/src/init/main.ts",
  sweep: "cli/src/sweep/main.ts",
  snapshot: "apiserver/src/store/snapshot-main.ts",
};

/** Where the bundle of a process is written. */
export function bundlePath(name: string): string {
  if (processes[name]?.startsWith("cli/") === true) return join(root, "cli/dist", `${name}.mjs`);
  if (name === "snapshot") return join(root, "apiserver/dist/snapshot.mjs");
  return join(root, name, "dist/main.mjs");
}

/** Sources that read a file beside them through `textOf("./file")` carry its text in the bundle. */
const inlineText: Plugin = {
  name: "inline-text",
  setup(build) {
    build.onLoad({ filter: /\/store\/scripts\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replaceAll(/textOf\("(\.\/[^"]+)"\)/g, (_, file: string) =>
        JSON.stringify(readFileSync(join(dirname(path), file), "utf8")),
      ),
    }));
  },
};

/** The text for `kubectl explain`, which the API server reads out of packages that are not in its image. */
const inlineDescriptions: Plugin = {
  name: "inline-descriptions",
  setup(build) {
    build.onLoad({ filter: /\/openapi\/packed-descriptions\.ts$/ }, async () => {
      await fetchApiPackages(packagesFolder);
      const text = JSON.stringify(packedDescriptions());
      return { loader: "ts", contents: `export const packedDescriptions = (): string => ${text};` };
    });
  },
};

/**
 * What dockerode brings for engines behind SSH and for BuildKit's sessions, and loads at once: two thirds of a kubelet's code, for
 * a socket that is local and images that are pulled.
 */
const UNUSED = /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader)$/;
const leaveOut: Plugin = {
  name: "leave-out",
  setup(build) {
    build.onResolve({ filter: UNUSED }, ({ path }) => ({ path, namespace: "leave-out" }));
    build.onLoad({ filter: /.*/, namespace: "leave-out" }, () => ({
      contents: "module.exports = {};",
      loader: "js",
    }));
  },
};

// CommonJS dependencies inside an ES module still call require(), for Node's own modules.
const banner = [
  'import { createRequire as __coracleRequire } from "node:module";',
  "const require = __coracleRequire(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

/** Bundles one process. Throws with esbuild's messages when it does not compile. */
export async function bundle(name: string): Promise<string> {
  const entry = processes[name];
  if (entry === undefined)
    throw new Error(`no process ${name}; there are ${Object.keys(processes).join(", ")}`);
  const outfile = bundlePath(name);
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    sourcemap: "linked",
    sourcesContent: false,
    keepNames: false,
    // As Node itself resolves: a package's ES module build behind require() is not what its user expects.
    mainFields: ["main"],
    conditions: ["node"],
    banner: { js: banner },
    plugins: [inlineText, inlineDescriptions, leaveOut],
    external: ["*.node", "bufferutil", "utf-8-validate", "pg-native"],
    logLevel: "warning",
    legalComments: "none",
  });
  return outfile;
}

/** The processes whose sources are there. */
export function present(): string[] {
  return Object.keys(processes).filter((name) => existsSync(join(root, processes[name] ?? "")));
}

if (import.meta.main) {
  const names = process.argv.slice(2);
  await Promise.all((names.length > 0 ? names : present()).map(bundle));
}
