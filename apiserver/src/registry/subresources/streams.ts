import type { ApiResponse } from "../../request.ts";
import { upgradeRequired } from "../../streams/upgrade.ts";
import type { Call, Registry } from "../registry.ts";
import type { Subresource } from "./subresource.ts";

/** These leave HTTP (http/upgrade.ts); a request that comes here has not asked to. */
const refuse = (_registry: Registry, _call: Call): Promise<ApiResponse> => Promise.reject(upgradeRequired());
const stream = (kind: string): Subresource => ({
  verbs: { create: refuse, get: refuse },
  kind: { group: "", version: "v1", kind },
  connect: true,
});

export const attach = stream("PodAttachOptions");
export const exec = stream("PodExecOptions");
export const portforward = stream("PodPortForwardOptions");
