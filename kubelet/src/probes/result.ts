/** A warning counts as success, and is told. */
export type Outcome = "success" | "warning" | "failure" | "unknown";

/** What one run of a probe found. `unknown`: it could not be run, which counts neither way. */
export interface ProbeResult {
  readonly outcome: Outcome;
  /** For the event: `HTTP probe failed with statuscode: 500`. */
  readonly message: string;
}

export const success = (message = ""): ProbeResult => ({ outcome: "success", message });
export const warning = (message: string): ProbeResult => ({ outcome: "warning", message });
export const failure = (message: string): ProbeResult => ({ outcome: "failure", message });
export const unknown = (message: string): ProbeResult => ({ outcome: "unknown", message });
