import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** What a server was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** The name on the certificate that the client has shown. */
  readonly clientName: string | undefined;
}

export interface TlsServer extends AsyncDisposable {
  readonly port: number;
  /** As configurations carry it. */
  readonly caBundle: string;
  readonly asked: readonly Asked[];
}

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

export interface Authority {
  readonly pem: string;
  issue(commonName: string, names: readonly string[]): Promise<{ cert: string; key: string }>;
}

/** A certificate authority that lives as long as a test. */
export async function createAuthority(name = "test"): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    pem: ca.toString("pem"),
    async issue(commonName, names) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const certificate = await x509.X509CertificateGenerator.create({
        subject: `CN=${commonName}`,
        issuer: ca.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        serialNumber: String(Date.now()),
        extensions: [
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns" as const, value }))),
        ],
      });
      const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", own.privateKey);
      return { cert: certificate.toString("pem"), key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY") };
    },
  };
}

export interface TlsServerOptions {
  readonly names: readonly string[];
  /** Clients must show a certificate of this authority. */
  readonly clients?: Authority;
}

/** A server with a certificate for the names of a Service, on this machine. */
export async function startTlsServer(
  options: TlsServerOptions,
  answer: (asked: Asked) => Answer | Promise<Answer>,
): Promise<TlsServer> {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue(options.names[0] ?? "", options.names);
  const asked: Asked[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const peer = (request.socket as TLSSocket).getPeerCertificate();
    const one: Asked = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      clientName: peer.subject?.CN as string | undefined,
    };
    asked.push(one);
    const { status = 200, headers = {}, body } = await answer(one);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const clients = options.clients
    ? { ca: options.clients.pem, requestCert: true, rejectUnauthorized: true }
    : {};
  const server = createServer(
    { cert, key, ...clients },
    (request, response) => void handle(request, response),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: Buffer.from(authority.pem).toString("base64"),
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
