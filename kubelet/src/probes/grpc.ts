import { connect } from "node:http2";
import { describe } from "./http.ts";
import { failure, success, type ProbeResult } from "./result.ts";

/** grpc.health.v1.HealthCheckResponse.ServingStatus. */
const statusNames = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
const serving = 1;
const unimplemented = "12";

/** HealthCheckRequest{service} with gRPC's five-byte prefix: field 1, a string. */
export function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  // Kubernetes limits a service name to what fits one length byte or two; 127 is the last that fits one.
  const length =
    name.length < 128
      ? Buffer.from([name.length])
      : Buffer.from([(name.length & 0x7f) | 0x80, name.length >> 7]);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a]), length, name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** `status` of a HealthCheckResponse: field 1, a varint below 128; absent means 0. */
export const decodeStatus = (frame: Buffer): number =>
  frame.length >= 7 && frame[5] === 0x08 ? (frame[6] ?? 0) : 0;

/** Asks the gRPC health service (KEP-2727); without TLS, as upstream. */
export function probeGrpc(
  host: string,
  port: number,
  service: string,
  signal: AbortSignal,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const session = connect(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
    const finish = (result: ProbeResult): void => {
      session.destroy();
      resolve(result);
    };
    const timedOut = (): void =>
      finish(
        failure(
          `timeout: failed to connect service "${host}:${port}" within the probe's time: context deadline exceeded`,
        ),
      );
    signal.addEventListener("abort", timedOut, { once: true });
    session.on("error", (error) =>
      finish(failure(`error: failed to connect service "${host}:${port}": ${describe(error)}`)),
    );
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "kube-probe/1.36",
    });
    const parts: Buffer[] = [];
    let code: string | undefined;
    const readCode = (headers: { readonly [name: string]: string | string[] | number | undefined }): void => {
      const found = headers["grpc-status"];
      if (typeof found === "string") code = found;
    };
    stream.on("response", readCode);
    stream.on("trailers", readCode);
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", (error) => {
      // Of a connection that was never made the stream knows only that it is cancelled.
      const cause = error.cause ?? error;
      finish(failure(`error: failed to connect service "${host}:${port}": ${describe(cause)}`));
    });
    stream.on("end", () => {
      if (code === unimplemented)
        return finish(
          failure("error: this server does not implement the grpc health protocol (grpc.health.v1.Health)"),
        );
      if (code !== undefined && code !== "0")
        return finish(failure(`error: health rpc probe failed: rpc error: code = ${code}`));
      const status = decodeStatus(Buffer.concat(parts));
      return finish(
        status === serving
          ? success("service healthy")
          : failure(`service unhealthy (responded with "${statusNames[status] ?? status}")`),
      );
    });
    stream.end(encodeRequest(service));
  });
}
