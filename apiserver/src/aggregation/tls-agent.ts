/** Connections of HTTP clients: TLS over whatever leads to the other side. */
import { Agent } from "node:http";
import { connect as connectTls, rootCertificates } from "node:tls";
import type { Duplex } from "node:stream";

export interface TlsAgentOptions {
  readonly open: (signal: AbortSignal) => Promise<Duplex>;
  /** Whom the certificate must name. */
  readonly serverName: string;
  /** Base64 of PEM, as configurations carry it; the well-known authorities when absent. */
  readonly ca?: string | undefined;
  readonly insecure?: boolean | undefined;
  /** What this side shows. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
}

/** Idle connections kept for the next request. */
export const keptConnections = 4;
const idleMs = 30_000;

/** An agent that keeps its connections. */
export function tlsAgent({ open, serverName, ca, insecure, client }: TlsAgentOptions): Agent {
  const trusted = ca ? [Buffer.from(ca, "base64").toString("utf8")] : [...rootCertificates];
  const agent = new Agent({ keepAlive: true, maxFreeSockets: keptConnections, timeout: idleMs });
  const secure = async (): Promise<Duplex> => {
    const raw = await open(AbortSignal.timeout(idleMs));
    const socket = connectTls({
      socket: raw,
      ca: trusted,
      servername: serverName,
      rejectUnauthorized: insecure !== true,
      ...client,
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("secureConnect", resolve);
        socket.once("error", reject);
        socket.once("close", () => reject(new Error("the connection was closed during the TLS handshake")));
      });
    } catch (error) {
      raw.destroy();
      throw inWords(error as NodeJS.ErrnoException, serverName);
    }
    return socket;
  };
  agent.createConnection = (_options, callback) => {
    void hand(secure(), callback);
    return undefined;
  };
  return agent;
}

const untrusted = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** What is wrong with a certificate, in the words that operators know; Node's own advise how to start Node. */
function inWords(error: NodeJS.ErrnoException, serverName: string): Error {
  const failed = (why: string): Error =>
    new Error(`tls: failed to verify certificate: x509: ${why}`, { cause: error });
  if (untrusted.has(error.code ?? "")) return failed("certificate signed by unknown authority");
  if (error.code === "CERT_HAS_EXPIRED" || error.code === "CERT_NOT_YET_VALID")
    return failed("certificate has expired or is not yet valid");
  if (error.code !== "ERR_TLS_CERT_ALTNAME_INVALID") return error;
  const { cert } = error as { cert?: { subjectaltname?: string } };
  const names = (cert?.subjectaltname ?? "").replaceAll(/\b(?:DNS|IP Address):/g, "");
  return failed(`certificate is valid for ${names || "no name"}, not ${serverName}`);
}

type Callback = NonNullable<Parameters<Agent["createConnection"]>[1]>;

/** Node's agents are told of connections by callback. */
async function hand(connecting: Promise<Duplex>, callback: Callback | undefined): Promise<void> {
  let socket: Duplex;
  try {
    socket = await connecting;
  } catch (error) {
    callback?.(error as Error, undefined as never);
    return;
  }
  callback?.(null, socket);
}
