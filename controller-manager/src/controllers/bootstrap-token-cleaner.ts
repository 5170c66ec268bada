import { secrets } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";

const TYPE = "bootstrap.kubernetes.io/token";
const NAMESPACE = "kube-system";

/** Deletes bootstrap tokens when they expire. Secrets travel without content, so the token is read to know when that is. */
export const bootstrapTokenCleanerController = (): Controller =>
  defineController({
    name: "bootstrap-token-cleaner",
    for: secrets,
    workers: 1,
    async reconcile(key, ctx): Promise<Result> {
      const notice = ctx.informers.for(secrets).get(key);
      if (notice?.type !== TYPE || notice.metadata.namespace !== NAMESPACE) return undefined;
      const { name = "", namespace } = notice.metadata;
      const secret = await ctx.client
        .get(secrets, { name, namespace }, { signal: ctx.signal })
        .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error)));
      const text = secret?.data?.["expiration"];
      if (!secret || text === undefined) return undefined;
      const expires = Date.parse(Buffer.from(text, "base64").toString());
      // An expiration nobody can read counts as passed: such a token authenticates nobody.
      const left = Number.isNaN(expires) ? 0 : expires - ctx.clock.now();
      if (left > 0) return { requeueAfterMs: left };
      const { uid, resourceVersion } = secret.metadata;
      await ctx.client
        .delete(secrets, { name, namespace }, { signal: ctx.signal, preconditions: { uid, resourceVersion } })
        .catch((error: unknown) => {
          if (!isNotFound(error) && !isConflict(error)) throw error;
        });
      ctx.log.info({ secret: name }, "expired bootstrap token deleted");
      return undefined;
    },
  });
