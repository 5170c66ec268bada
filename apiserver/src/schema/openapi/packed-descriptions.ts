import { existsSync } from "node:fs";
import { join } from "node:path";
import { packDescriptions } from "../generate/descriptions.ts";

/** Where the models of @kubernetes/client-node are; they are there where the project is developed and bundled. */
export function modelsFolder(): string | undefined {
  const models = join(
    import.meta.dirname,
    "../../../../node_modules/@kubernetes/client-node/dist/gen/models",
  );
  return existsSync(models) ? models : undefined;
}

let packed: string | undefined;

/** The bundler puts the text itself in the place of this module. */
export function packedDescriptions(): string | undefined {
  const models = modelsFolder();
  return models === undefined ? undefined : (packed ??= packDescriptions(models));
}
