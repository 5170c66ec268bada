import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { podIPs } from "../container/build.ts";
import { imageVolumeName, LABEL, nodeLabels, sandboxVolumePath } from "../container/names.ts";
import { volumeImages } from "../images/extract.ts";
import { failedMount, sandboxOf, type PodRun } from "../pod.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { planVolume } from "../volumes/index.ts";
import { applyGroup } from "../volumes/ownership.ts";
import { writePayload } from "../volumes/write.ts";
import {
  VolumeError,
  VolumePending,
  type EngineBacked,
  type PathBacked,
  type Payload,
  type VolumeContext,
  type VolumePlan,
} from "../volumes/volume.ts";
import type { PodStep } from "./step.ts";

const contextOf = (run: PodRun): VolumeContext => ({
  pod: run.pod,
  client: run.ctx.client,
  references: run.ctx.references.forPod(run.uid),
  addresses: { podIPs: podIPs(run), hostIPs: run.ctx.node.hostIPs },
  allocatable: run.ctx.node.allocatable,
  node: run.ctx.node.name,
  tokens: run.ctx.tokens,
  storage: (path) => run.ctx.storage.host(path),
  images: volumeImages(run),
});

/** Secrets are kept in memory as a digest only. */
function digestOf(payload: Payload): string {
  const hash = createHash("sha256");
  for (const [path, { data, mode, uid }] of [...payload].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}\0${mode}\0${uid ?? ""}\0${data.length}\0`).update(data);
  return hash.digest("hex");
}

/** Which sandbox a volume was filled or handed over for, so that another life of the kubelet does not do it again. */
const markOf = (run: PodRun, volume: string): string => run.ctx.storage.pod(run.uid, "volumes", volume).here;

async function isPrepared(run: PodRun, volume: string, plan: VolumePlan, sandbox: string): Promise<boolean> {
  const mark = await readFile(markOf(run, volume), "utf8").catch(() => undefined);
  const inMemory = plan.kind === "engine" && plan.memory !== undefined;
  return mark !== undefined && (!inMemory || mark === sandbox);
}

async function markPrepared(run: PodRun, volume: string, sandbox: string): Promise<void> {
  const mark = markOf(run, volume);
  await mkdir(dirname(mark), { recursive: true });
  await writeFile(mark, sandbox);
}

async function giveToGroup(run: PodRun, path: string): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = run.pod.spec?.securityContext ?? {};
  if (fsGroup !== undefined) await applyGroup(path, fsGroup, fsGroupChangePolicy);
}

async function setUpPath(run: PodRun, volume: Volume, plan: PathBacked, sandbox: string): Promise<void> {
  const path = await plan.resolve(contextOf(run));
  if (path.owned && !(await isPrepared(run, volume.name, plan, sandbox))) {
    await giveToGroup(run, path.here);
    await markPrepared(run, volume.name, sandbox);
  }
  run.volumes.set(volume.name, { plan, path });
}

/** An empty volume, or one that is filled once. */
async function setUpOnce(
  run: PodRun,
  volume: Volume,
  plan: EngineBacked,
  at: { path: string; sandbox: string },
): Promise<void> {
  if (await isPrepared(run, volume.name, plan, at.sandbox)) return;
  if (plan.fill) await plan.fill(contextOf(run), at.path);
  else {
    await chmod(at.path, 0o777);
    await giveToGroup(run, at.path);
  }
  await markPrepared(run, volume.name, at.sandbox);
}

/** Sets up one volume, or brings its files up to date. `fresh`: its sandbox is new to this kubelet, so that all is to be done. */
async function setUp(run: PodRun, volume: Volume, sandbox: RuntimeContainer, fresh: boolean): Promise<void> {
  const plan = planVolume(volume, run.pod);
  const before = run.volumes.get(volume.name);
  if (plan.kind === "unsupported") throw new VolumeError(plan.why);
  if (plan.kind === "path") {
    if (fresh || !before) await setUpPath(run, volume, plan, sandbox.id);
    return;
  }
  const root = run.ctx.storage.rootOf(sandbox.pid);
  const path = root === undefined ? undefined : `${root}${sandboxVolumePath(volume.name)}`;
  if (plan.files) {
    const payload = await plan.files(contextOf(run));
    const digest = digestOf(payload);
    if (path && (fresh || before?.digest !== digest))
      await writePayload(path, payload, run.pod.spec?.securityContext?.fsGroup);
    run.volumes.set(volume.name, { plan, digest });
    return;
  }
  if (path && fresh && !plan.mount) await setUpOnce(run, volume, plan, { path, sandbox: sandbox.id });
  run.volumes.set(volume.name, { plan });
}

/** Why a volume is not there, said and to be thrown; a pending one speaks for itself. */
function told(run: PodRun, volume: Volume, error: unknown): unknown {
  if (!(error instanceof VolumePending)) failedMount(run, volume.name, (error as Error).message);
  return error;
}

/** The pod's volumes: set up once a sandbox, and their files kept up to date. */
export const volumes: PodStep = {
  name: "volumes",
  up: async (run) => {
    const sandbox = sandboxOf(run);
    if (!sandbox || sandbox.state !== "running") return false;
    const fresh = run.volumesOf !== sandbox.id;
    const results = await Promise.allSettled(
      (run.pod.spec?.volumes ?? []).map(async (volume) => {
        try {
          await setUp(run, volume, sandbox, fresh);
        } catch (error) {
          throw told(run, volume, error);
        }
      }),
    );
    const failures = results.flatMap((r) => (r.status === "rejected" ? [r.reason as unknown] : []));
    const failed = failures.find((error) => !(error instanceof VolumePending));
    // What runs goes on with the files it has; only a new pod waits for all of them.
    if (failed && fresh) throw failed;
    const pending = failures.filter((error) => error instanceof VolumePending);
    if (pending.length > 0) {
      run.publish();
      const until = pending.flatMap((p) => p.until ?? []);
      if (until.length > 0) run.wakeAt = Math.min(run.wakeAt ?? Infinity, ...until);
      return false;
    }
    run.volumesOf = sandbox.id;
    const renewAt = run.ctx.tokens.renewAt(run.uid);
    if (renewAt !== undefined) run.wakeAt = Math.min(run.wakeAt ?? Infinity, renewAt);
    return true;
  },
  stop: (run) => {
    run.volumesOf = undefined;
    run.ctx.references.release(run.uid);
    run.ctx.tokens.forget(run.uid);
    return Promise.resolve(true);
  },
  erase: async (run) => {
    const { runtime, identity } = run.ctx;
    if (run.source !== "orphan" && run.volumes.size === 0 && !(run.pod.spec?.volumes ?? []).length)
      return true;
    const found = await runtime.listVolumes({ ...nodeLabels(identity), [LABEL.podUid]: run.uid });
    for (const { name } of found) await runtime.removeVolume(name);
    for (const { name, image } of run.pod.spec?.volumes ?? [])
      if (image) await runtime.remove(imageVolumeName(run.pod, name));
    run.volumes.clear();
    return true;
  },
};
