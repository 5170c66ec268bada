import { configMaps, namespaces } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists } from "@coracle/shared/errors.ts";
import { namespaceTerminating } from "../pods/control.ts";

const NAME = "kube-root-ca.crt";
const KEY = "ca.crt";
const DESCRIPTION = "kubernetes.io/description";
const TEXT =
  "The certificate authority of this cluster's API server. Pods get it with their ServiceAccount token; it is kept up to date by the controller manager.";

/** Publishes the certificate authority of the API server in every namespace. ConfigMaps travel without content, so it is read to compare. */
export const rootCaController = (rootCa: string): Controller =>
  defineController({
    name: "root-ca",
    for: namespaces,
    watches: [
      {
        resource: configMaps,
        keys: ({ metadata }) => (metadata.name === NAME ? [metadata.namespace ?? ""] : []),
      },
    ],
    async reconcile(key, ctx): Promise<Result> {
      const namespace = ctx.informers.for(namespaces).get(key);
      if (!namespace || namespace.status?.phase === "Terminating") return;
      if (namespace.metadata.deletionTimestamp !== undefined) return;
      const data = { [KEY]: rootCa };
      const known = ctx.informers.for(configMaps).get(`${key}/${NAME}`);
      if (!known) {
        const metadata = { name: NAME, namespace: key, annotations: { [DESCRIPTION]: TEXT } };
        await ctx.client
          .create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data }, { signal: ctx.signal })
          .catch((error: unknown) => {
            if (!isAlreadyExists(error) && !namespaceTerminating(error)) throw error;
          });
        return;
      }
      const current = await ctx.client.get(
        configMaps,
        { name: NAME, namespace: key },
        { signal: ctx.signal },
      );
      if (current.data?.[KEY] === rootCa && Object.keys(current.data).length === 1) return;
      await ctx.client.update(configMaps, { ...current, data }, { signal: ctx.signal });
    },
  });
