import { join } from "node:path";

/** The checkout that this program belongs to. */
export const checkout = join(import.meta.dirname, "../..");
/** What the cluster leaves on the host: kubeconfig, logs, caches, downloaded tools. Ignored by git. */
export const state = process.env["CORACLE_STATE"] ?? join(checkout, ".coracle");
export const kubeconfigPath = join(state, "kubeconfig");
/** The compose project. */
export const cluster = process.env["CORACLE_CLUSTER"] ?? "coracle";
