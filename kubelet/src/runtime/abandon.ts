import type { Session } from "./runtime.ts";

/** Ends a command that nobody waits for any more: the engine would go on running it when only its stream is closed. */
export async function abandon(session: Pick<Session, "kill" | "close">): Promise<void> {
  try {
    await session.kill();
  } catch {
    // An engine that is away cannot be asked, and what waited has its answer already.
  } finally {
    session.close();
  }
}
