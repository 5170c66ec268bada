import type { ApiResponse } from "../../request.ts";
import { upgradeRequired } from "../../streams/upgrade.ts";
import type { Call, Registry } from "../registry.ts";
import { admitConnect } from "./connect.ts";
import type { Subresource } from "./subresource.ts";

/** These leave HTTP (http/upgrade.ts). A request that comes here has not asked to, but who may not connect is told that first. */
function stream(name: string): Subresource {
  const kind = { group: "", version: "v1", kind: name };
  const refuse = async (registry: Registry, call: Call): Promise<ApiResponse> => {
    await admitConnect(registry, call, kind);
    throw upgradeRequired();
  };
  return { verbs: { create: refuse, get: refuse }, kind, connect: true };
}

export const attach = stream("PodAttachOptions");
export const exec = stream("PodExecOptions");
export const portforward = stream("PodPortForwardOptions");
