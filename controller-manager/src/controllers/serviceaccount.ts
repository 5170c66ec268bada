import { namespaces, serviceAccounts } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists } from "@coracle/shared/errors.ts";
import { namespaceTerminating } from "../pods/control.ts";

const DEFAULT = "default";

/** Gives every namespace its ServiceAccount `default`. */
export const serviceAccountController = (): Controller =>
  defineController({
    name: "serviceaccount",
    for: namespaces,
    watches: [
      {
        resource: serviceAccounts,
        keys: ({ metadata }) => (metadata.name === DEFAULT ? [metadata.namespace ?? ""] : []),
      },
    ],
    async reconcile(key, ctx): Promise<Result> {
      const namespace = ctx.informers.for(namespaces).get(key);
      if (!namespace || namespace.metadata.deletionTimestamp !== undefined) return;
      if (namespace.status?.phase === "Terminating") return;
      if (ctx.informers.for(serviceAccounts).get(`${key}/${DEFAULT}`)) return;
      const account = {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: DEFAULT, namespace: key },
      };
      await ctx.client.create(serviceAccounts, account, { signal: ctx.signal }).catch((error: unknown) => {
        if (!isAlreadyExists(error) && !namespaceTerminating(error)) throw error;
      });
    },
  });
