/**
 * Every image that the cluster and its tests use, with the tag that is used everywhere, and how a stand-in is made where
 * no registry can be reached. Recipes are data; images/recipes.ts carries them out.
 */

/** Debian suites that packages are taken from: all of an image's packages come from one suite. */
export type Suite = "bookworm" | "trixie" | "forky" | "sid";

/** What the engine is told about an image made from a file tree. */
export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly expose?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly stopSignal?: string;
}

/** A file of a stand-in: text, or a file under images/. */
export interface ExtraFile {
  readonly path: string;
  readonly text?: string;
  readonly from?: string;
  readonly mode?: number;
}

/** A stand-in made of unpacked Debian packages. */
export interface PackagesRecipe {
  readonly how: "packages";
  readonly suite: Suite;
  /** Installed with everything they depend on. */
  readonly packages: readonly string[];
  /** Packages of the closure that a container has no use for. */
  readonly without?: readonly string[];
  readonly files?: readonly ExtraFile[];
  /** link → target */
  readonly links?: Readonly<Record<string, string>>;
  readonly directories?: Readonly<Record<string, { readonly mode?: number; readonly uid?: number }>>;
  /** `/etc/passwd` and `/etc/group` entries besides root and nobody: name → uid. */
  readonly users?: Readonly<Record<string, number>>;
  /** Link the applets to /bin/busybox, from its own list, and add /bin/busybox.static. */
  readonly busyboxApplets?: true;
  readonly config: ImageConfig;
}

/** A stand-in of Debian's minimal system with npm's `node` binary. */
export interface NodeRecipe {
  readonly how: "node";
  readonly suite: Suite;
  readonly config: ImageConfig;
}

/** An image of our own, built on a base by a function of images/own.ts. */
export interface OwnRecipe {
  readonly how: "own";
  readonly build: "pause" | "runtime" | "coracle" | "testserver";
  readonly base?: string;
}

export interface ImageSpec {
  readonly name: string;
  /** Other tags of the same image, when it is a stand-in. Where a registry answers, each is pulled. */
  readonly aliases?: readonly string[];
  readonly recipe: PackagesRecipe | NodeRecipe | OwnRecipe;
  /** What needs it: the cluster itself, or tests and examples only. */
  readonly for: "cluster" | "tests";
}

export const NODE_IMAGE = "node:24-bookworm-slim";
export const REDIS_IMAGE = "redis:8";
export const NATS_IMAGE = "nats:2";
export const PAUSE_IMAGE = "coracle/pause:1";
export const RUNTIME_IMAGE = "coracle/runtime:dev";
/** Of all processes. A checkout that has a name of its own for it can build beside another one on the same engine. */
export const CORACLE_IMAGE = process.env["CORACLE_IMAGE"] ?? "coracle/coracle:dev";
export const TESTSERVER_IMAGE = "coracle/testserver:dev";

/** Debian packages the processes need beside Node: ip, nft, ps; nsenter is in the base. */
export const RUNTIME_PACKAGES = ["conntrack", "iproute2", "nftables", "procps", "socat"] as const;

/** What those name as a dependency only for the sake of installation scripts. */
export const RUNTIME_WITHOUT = [
  "perl",
  "perl-modules-5.36",
  "libperl5.36",
  "liblocale-gettext-perl",
  "systemd",
];

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const nginx = (suite: Suite, files: readonly ExtraFile[] = []): PackagesRecipe => ({
  how: "packages",
  suite,
  packages: ["nginx", "base-files", "dash", "coreutils", "curl"],
  without: ["debconf", "iproute2", "libcap2-bin", "perl-base", "init-system-helpers", "base-passwd"],
  files: [
    { path: "/etc/nginx/nginx.conf", from: "nginx/nginx.conf" },
    { path: "/etc/nginx/conf.d/default.conf", from: "nginx/default.conf" },
    {
      path: "/usr/share/nginx/html/index.html",
      text: "<!doctype html><title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>\n",
    },
    ...files,
  ],
  directories: { "/var/lib/nginx": {}, "/var/log/nginx": {}, "/var/cache/nginx": {}, "/run": {} },
  users: { "www-data": 33, nginx: 101 },
  config: {
    entrypoint: [],
    cmd: ["nginx", "-g", "daemon off;"],
    env: { PATH },
    expose: ["80/tcp"],
    stopSignal: "SIGQUIT",
  },
});

export const images: readonly ImageSpec[] = [
  {
    name: NODE_IMAGE,
    for: "cluster",
    recipe: { how: "node", suite: "bookworm", config: { cmd: ["node"], env: { PATH, NODE_VERSION: "24" } } },
  },
  {
    name: REDIS_IMAGE,
    for: "cluster",
    recipe: {
      how: "packages",
      suite: "forky",
      packages: ["redis-server", "redis-tools", "dash", "base-files"],
      without: ["systemd", "libsystemd-shared", "adduser", "passwd", "libpam-modules", "libpam-modules-bin"],
      directories: { "/data": { uid: 999 } },
      users: { redis: 999 },
      config: { cmd: ["redis-server"], env: { PATH }, expose: ["6379/tcp"], workdir: "/data" },
    },
  },
  {
    name: NATS_IMAGE,
    for: "cluster",
    recipe: {
      how: "packages",
      suite: "forky",
      packages: ["nats-server", "base-files"],
      without: ["adduser", "passwd", "base-passwd", "systemd", "libsystemd-shared", "mawk"],
      links: { "/nats-server": "/usr/sbin/nats-server" },
      files: [{ path: "/nats-server.conf", text: "port: 4222\nmonitor_port: 8222\n" }],
      config: {
        entrypoint: ["/nats-server"],
        cmd: ["--config", "nats-server.conf"],
        env: { PATH },
        expose: ["4222/tcp", "8222/tcp"],
      },
    },
  },
  { name: PAUSE_IMAGE, for: "cluster", recipe: { how: "own", build: "pause" } },
  { name: RUNTIME_IMAGE, for: "cluster", recipe: { how: "own", build: "runtime", base: NODE_IMAGE } },
  { name: CORACLE_IMAGE, for: "cluster", recipe: { how: "own", build: "coracle", base: RUNTIME_IMAGE } },
  {
    name: "busybox:1.36",
    aliases: ["busybox:latest"],
    for: "tests",
    recipe: {
      how: "packages",
      suite: "trixie",
      // The dynamic build is the one whose look-ups work: a static glibc cannot load what getaddrinfo needs.
      packages: ["busybox", "base-files"],
      without: ["base-passwd", "mawk", "debconf", "libdebconfclient0"],
      busyboxApplets: true,
      directories: { "/tmp": { mode: 0o1777 }, "/root": { mode: 0o700 }, "/home": {} },
      config: { cmd: ["sh"], env: { PATH } },
    },
  },
  // Two versions, to roll from one to the other. Debian has neighbours of these: 1.26 and 1.30 at this writing.
  { name: "nginx:1.27", for: "tests", recipe: nginx("trixie") },
  { name: "nginx:1.28", aliases: ["nginx:latest"], for: "tests", recipe: nginx("forky") },
  {
    name: "registry:2",
    for: "tests",
    recipe: {
      how: "packages",
      suite: "trixie",
      packages: ["docker-registry", "base-files"],
      without: ["adduser", "passwd", "systemd", "init-system-helpers", "perl-base"],
      files: [{ path: "/etc/docker/registry/config.yml", from: "registry/config.yml" }],
      links: { "/bin/registry": "/usr/bin/docker-registry" },
      directories: { "/var/lib/registry": {} },
      config: {
        entrypoint: ["/usr/bin/docker-registry"],
        cmd: ["serve", "/etc/docker/registry/config.yml"],
        env: { PATH },
        expose: ["5000/tcp"],
      },
    },
  },
  { name: TESTSERVER_IMAGE, for: "tests", recipe: { how: "own", build: "testserver", base: NODE_IMAGE } },
];
