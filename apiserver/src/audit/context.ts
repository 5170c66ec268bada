import { AsyncLocalStorage } from "node:async_hooks";

type Annotate = (key: string, value: string) => void;

const current = new AsyncLocalStorage<Annotate>();

/** Runs the work of one request; what annotates it meanwhile reaches its record. */
export const withAnnotations = <T>(annotate: Annotate | undefined, work: () => T): T =>
  annotate ? current.run(annotate, work) : work();

/** Puts an annotation on the audit record of the request being worked on, if there is one. */
export const annotateAudit: Annotate = (key, value) => current.getStore()?.(key, value);
