import { createHash } from "node:crypto";
import { chmod } from "node:fs/promises";
import type { Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { podIPs } from "../container/build.ts";
import { LABEL, nodeLabels, sandboxVolumePath } from "../container/names.ts";
import { podEvent, sandboxOf, type PodRun } from "../pod.ts";
import { planVolume } from "../volumes/index.ts";
import { applyGroup } from "../volumes/ownership.ts";
import { writePayload } from "../volumes/write.ts";
import type { Payload, VolumeContext } from "../volumes/volume.ts";
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
});

/** Secrets are kept in memory as a digest only. */
function digestOf(payload: Payload): string {
  const hash = createHash("sha256");
  for (const [path, { data, mode, uid }] of [...payload].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}\0${mode}\0${uid ?? ""}\0${data.length}\0`).update(data);
  return hash.digest("hex");
}

/** Sets up one volume, or brings its files up to date. `fresh`: its sandbox is new, so that everything is to be done. */
async function setUp(run: PodRun, volume: Volume, root: string | undefined, fresh: boolean): Promise<void> {
  const context = contextOf(run);
  const plan = planVolume(volume, run.pod);
  const { fsGroup, fsGroupChangePolicy } = run.pod.spec?.securityContext ?? {};
  const before = run.volumes.get(volume.name);
  if (plan.kind === "path") {
    if (!fresh && before) return;
    const path = await plan.resolve(context);
    if (fsGroup !== undefined && plan.owned) await applyGroup(path.here, fsGroup, fsGroupChangePolicy);
    run.volumes.set(volume.name, { plan, path });
    return;
  }
  const path = root === undefined ? undefined : `${root}${sandboxVolumePath(volume.name)}`;
  if (plan.files) {
    const payload = await plan.files(context);
    const digest = digestOf(payload);
    if (path && (fresh || before?.digest !== digest)) await writePayload(path, payload, fsGroup);
    run.volumes.set(volume.name, { plan, digest });
    return;
  }
  if (path && fresh && !plan.mount) {
    await chmod(path, 0o777);
    if (fsGroup !== undefined) await applyGroup(path, fsGroup, fsGroupChangePolicy);
  }
  run.volumes.set(volume.name, { plan });
}

/** The pod's volumes: set up once a sandbox, and their files kept up to date. */
export const volumes: PodStep = {
  name: "volumes",
  up: async (run) => {
    const sandbox = sandboxOf(run);
    if (!sandbox || sandbox.state !== "running") return false;
    const root = run.ctx.storage.rootOf(sandbox.pid);
    const fresh = run.volumesOf !== sandbox.id;
    const results = await Promise.allSettled(
      (run.pod.spec?.volumes ?? []).map(async (volume) => {
        try {
          await setUp(run, volume, root, fresh);
        } catch (error) {
          const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`;
          podEvent(run, "Warning", "FailedMount", message);
          throw error;
        }
      }),
    );
    const failed = results.find((r) => r.status === "rejected");
    // What runs goes on with the files it has; only a new pod waits for all of them.
    if (failed && fresh) throw failed.reason;
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
    run.volumes.clear();
    return true;
  },
};
