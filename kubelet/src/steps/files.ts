import { mkdir } from "node:fs/promises";
import type { PodStep } from "./step.ts";

/** The pod's directory on the node: last words, files of its own. */
export const files: PodStep = {
  name: "files",
  up: async (run) => {
    await mkdir(run.ctx.storage.pod(run.uid).here, { recursive: true });
    return true;
  },
  erase: async (run) => {
    await run.ctx.storage.removePod(run.uid);
    return true;
  },
};
